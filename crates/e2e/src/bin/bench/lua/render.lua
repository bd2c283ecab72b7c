-- A render of 1,000 messages, each of another id: a message that is there already keeps its
-- links, and that is less work. LIST_ID is the list, API_KEY the key.
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"], wrk.headers["X-Api-Key"] = "application/json", os.getenv("API_KEY")
request = function()
  local messages = {}
  for i = 1, 1000 do
    n = n + 1
    messages[i] = string.format(
      '{"messageId":"m-%d","contactPhone":"+1202555%04d","variables":{"first_name":"Ada"}}', n, n % 10000)
  end
  local body = '{"listId":' .. os.getenv("LIST_ID") .. ',"messages":[' .. table.concat(messages, ",") .. ']}'
  return wrk.format(nil, nil, nil, body)
end
