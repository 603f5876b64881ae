-- Sends the images that benchmarks/serve.py wrote, in turn, and now and then a body that must be refused; counts what
-- came back. Arguments: the file of images (each with its length before it, 4 bytes), one in how many is malformed.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  local content = file:read("*a")
  file:close()
  images, position = {}, 1
  while position <= #content do
    local a, b, c, d = content:byte(position, position + 3)
    local length = ((a * 256 + b) * 256 + c) * 256 + d
    local body = content:sub(position + 4, position + 3 + length)
    table.insert(images, wrk.format("POST", "/predict", nil, body))
    position = position + 4 + length
  end
  local json = { ["content-type"] = "application/json" }
  malformed = {
    wrk.format("POST", "/predict", nil, "a seven"),
    wrk.format("POST", "/predict", nil, content:sub(5, 104)),
    wrk.format("POST", "/predict", json, '{"pixels": [[0, 1'),
    wrk.format("POST", "/predict", json, '{"pixels": [[0, 1], [2, 256]]}'),
  }
  every = tonumber(arguments[2])
  sent, sent_malformed, answered, refused, other = 0, 0, 0, 0, 0
end

function request()
  sent = sent + 1
  if sent % every == 0 then
    sent_malformed = sent_malformed + 1
    return malformed[sent_malformed % #malformed + 1]
  end
  return images[sent % #images + 1]
end

function response(status)
  if status == 200 then
    answered = answered + 1
  elseif status == 422 then
    refused = refused + 1
  else
    other = other + 1
  end
end

function done(summary, latency)
  local total = { sent = 0, sent_malformed = 0, answered = 0, refused = 0, other = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(total) do
      total[name] = total[name] + thread:get(name)
    end
  end
  -- wrk asks for one more, which it looks at and does not send.
  total.sent = total.sent - 1
  total.errors = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout
  total.seconds = summary.duration / 1e6
  for _, share in ipairs({ 50, 90, 99, 99.9 }) do
    total["p" .. share] = latency:percentile(share) / 1000
  end
  total.max = latency.max / 1000
  local parts = {}
  for name, value in pairs(total) do
    table.insert(parts, string.format('"%s": %.3f', name, value))
  end
  print("RESULT {" .. table.concat(parts, ", ") .. "}")
end
