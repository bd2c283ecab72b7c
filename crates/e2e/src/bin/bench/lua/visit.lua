-- A visitor's request of each link in turn. PATHS names a file with a link's path a line.
local requests, i = {}, 0
init = function(args)
  for path in io.lines(os.getenv("PATHS")) do
    requests[#requests + 1] = wrk.format("GET", path .. "?sub1=campaign_a&sub2=user_123&source=sms")
  end
end
request = function()
  i = i % #requests + 1
  return requests[i]
end
