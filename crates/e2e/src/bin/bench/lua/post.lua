-- The same POST again and again. BODY names the file of its JSON, API_KEY is its key.
local file = io.open(os.getenv("BODY"))
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"], wrk.headers["X-Api-Key"] = "application/json", os.getenv("API_KEY")
