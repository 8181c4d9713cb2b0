"""The Lua scripts of the Redis contract: every write that must be atomic, in the one place both programs take them from.

A script answers with an array whose first element is a word (`OK` or the reason of a refusal), so that a refusal is a value and never an exception.
`docs/redis-contract.md` says why each rule is there; `tests/integration/redis_contract/` runs them against a real server.
"""

from __future__ import annotations

from enum import StrEnum


class Refusal(StrEnum):
    """Why a script refused."""

    NO_EPOCH = "NO_EPOCH"
    """No epoch was ever issued in this database (it is new, or it was lost): only the operator may go on."""
    EPOCH_MISMATCH = "EPOCH_MISMATCH"
    """A higher epoch was issued: another incarnation is meant to trade. Stop."""
    HELD = "HELD"
    """Another holder's lease is alive. Second element: milliseconds until it ends."""
    QUARANTINE = "QUARANTINE"
    """Redis restarted less than one time to live ago: a lease may be alive that it has forgotten. Second element: milliseconds to wait."""
    NOT_HOLDER = "NOT_HOLDER"
    """The lease is not, or no longer, the caller's. Stop and cancel."""
    BEHIND = "BEHIND"
    """The last batch that the database knows is neither this one nor the one before it: it has come back older. Write again what it has lost."""
    STALE = "STALE"
    """The epoch to issue is not above the one in the database. Second element: the one in the database."""


ACQUIRE = """
-- KEYS lease, fence | ARGV holder, ttl_ms, epoch, issue_own (1: no operator, issue the epoch if none is there)
local epoch = redis.call('HGET', KEYS[2], 'epoch')
if not epoch then
  if ARGV[4] ~= '1' then return {'NO_EPOCH', 0} end
  redis.call('HSET', KEYS[2], 'epoch', ARGV[3])
  epoch = ARGV[3]
end
if tonumber(epoch) ~= tonumber(ARGV[3]) then return {'EPOCH_MISMATCH', tonumber(epoch)} end
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return {'HELD', redis.call('PTTL', KEYS[1])} end
if not holder then
  local uptime = tonumber(string.match(redis.call('INFO', 'server'), 'uptime_in_seconds:(%d+)'))
  -- uptime is cut to whole seconds, so one more is waited for
  local missing = tonumber(ARGV[2]) + 1000 - uptime * 1000
  if missing > 0 and redis.call('HEXISTS', KEYS[2], 'counter') == 1 then return {'QUARANTINE', missing} end
end
local counter = redis.call('HINCRBY', KEYS[2], 'counter', 1)
redis.call('HSET', KEYS[2], 'holder', ARGV[1])
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return {'OK', counter}
"""
"""Take or re-take the lease. `{'OK', counter}`: the token is (epoch, counter); the caller must settle before it quotes."""

RENEW = """
-- KEYS lease, fence | ARGV holder, ttl_ms, epoch, counter
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'NOT_HOLDER', 0} end
local token = redis.call('HMGET', KEYS[2], 'epoch', 'counter')
if token[1] ~= ARGV[3] or token[2] ~= ARGV[4] then return {'NOT_HOLDER', 0} end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return {'OK', 0}
"""

RELEASE = """
-- KEYS lease, fence | ARGV holder, epoch, counter
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'NOT_HOLDER', 0} end
local token = redis.call('HMGET', KEYS[2], 'epoch', 'counter')
if token[1] ~= ARGV[2] or token[2] ~= ARGV[3] then return {'NOT_HOLDER', 0} end
redis.call('DEL', KEYS[1])
return {'OK', 0}
"""

COMMIT = """
-- KEYS lease, fence, then one per operation | ARGV holder, epoch, counter, then per operation: number of arguments, command, arguments…
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return {'NOT_HOLDER', 0} end
local token = redis.call('HMGET', KEYS[2], 'epoch', 'counter')
if token[1] ~= ARGV[2] or token[2] ~= ARGV[3] then return {'NOT_HOLDER', 0} end
local allowed = {SET = true, HSET = true, HDEL = true, XADD = true}
local plan, at, batch = {}, 4, false
for index = 3, #KEYS do
  local count = tonumber(ARGV[at])
  local command = ARGV[at + 1]
  if command == 'ONCE' then
    batch = ARGV[at + 2]
    local last = redis.call('HGET', KEYS[2], 'batch') or ''
    if last == batch then return {'OK', 0} end
    if last ~= ARGV[at + 3] then return {'BEHIND', 0} end
  else
    if not allowed[command] then return redis.error_reply('COMMIT does not run ' .. command) end
    local call = {command, KEYS[index]}
    for argument = at + 2, at + 1 + count do call[#call + 1] = ARGV[argument] end
    plan[#plan + 1] = call
  end
  at = at + 2 + count
end
for _, call in ipairs(plan) do redis.call(unpack(call)) end
if batch then redis.call('HSET', KEYS[2], 'batch', batch) end
return {'OK', #plan}
"""
"""A trader's every write: all operations, or none if the token is not the newest. XADD arguments come after the key: `MAXLEN ~ 10000 * field value`.

`ONCE`, on the fence, names the batch and the one before it (empty: none). Whoever got no answer sends the same batch again, and if it was the last one that was
written, nothing is written twice. If the last one that was written is neither of the two the database has lost some that it had acknowledged: `BEHIND`, and
nothing is written."""

ISSUE_EPOCH = """
-- KEYS fence | ARGV epoch. Operator only.
local epoch = tonumber(redis.call('HGET', KEYS[1], 'epoch') or '-1')
if tonumber(ARGV[1]) < epoch then return {'STALE', epoch} end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1])
return {'OK', epoch}
"""
"""Fence off all incarnations of lower epochs. Issuing the same epoch again changes nothing."""

SET_LATCH = """
-- KEYS latches, commands | ARGV id, latch, command. Operator, or an admin; a trader latches by COMMIT.
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then return {'OK', 0} end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'command', ARGV[3])
return {'OK', 1}
"""

LIFT_LATCH = """
-- KEYS latches, acknowledged, commands | ARGV id, command, at_ms. Operator only.
local id, at = ARGV[1], tonumber(ARGV[3])
local found = redis.call('HGET', KEYS[1], id)
local read, latch = pcall(cjson.decode, found or '')
if read and type(latch) == 'table' and tonumber(latch.atMs) and tonumber(latch.atMs) > at then at = tonumber(latch.atMs) end
local there = redis.call('HDEL', KEYS[1], id)
redis.call('LREM', KEYS[2], 0, id)
for _, entry in ipairs(redis.call('LRANGE', KEYS[2], 0, -1)) do
  if string.sub(entry, 1, #id + 1) == id .. '@' then redis.call('LREM', KEYS[2], 0, entry) end
end
redis.call('LPUSH', KEYS[2], id, string.format('%s@%.0f', id, at))
redis.call('LTRIM', KEYS[2], 0, 511)
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 10000, '*', 'command', ARGV[2])
return {'OK', there}
"""
"""Take a latch away, and remember that: its id, and before it `id@ms`, until when halts of that id are lifted (now, or the latch's own time if that is later).
Ids such as `pause` are used again and again: without the time, one that is set would count as lifted as soon as Redis comes back older."""
