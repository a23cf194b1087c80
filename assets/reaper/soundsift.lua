-- Soundsift for REAPER: inserts the sounds that Soundsift sends.
--
-- Load it once with Actions > Show action list > New action > Load ReaScript, and run it: it waits
-- in the background until REAPER is closed.  Requests come through REAPER's web interface (an
-- ExtState), or as a file in the folder below.

local FOLDER = ""  -- filled in when Soundsift installs this script; empty: no folder is watched
local SECTION = "soundsift"
local LOOK_S = 0.2  -- between two looks into the folder

local function decoded(text)
  return (text:gsub("%%(%x%x)", function(code) return string.char(tonumber(code, 16)) end))
end

local function encoded(text)
  return (tostring(text):gsub("[^%w%-%._~]", function(c)
    return string.format("%%%02X", c:byte())
  end))
end

local function fields_of(text)
  local fields = {}
  for key, value in text:gmatch("([^&=]+)=([^&]*)") do
    fields[decoded(key)] = decoded(value)
  end
  return fields
end

local function line_of(fields)
  local parts = {}
  for key, value in pairs(fields) do
    parts[#parts + 1] = encoded(key) .. "=" .. encoded(value)
  end
  return table.concat(parts, "&")
end

-- What can be asked for

local function refuse_missing(path)
  if not path or not reaper.file_exists(path) then
    error("it cannot see " .. tostring(path) .. ": is it on another computer?", 0)
  end
end

local function go_to_time_selection()
  local first, last = reaper.GetSet_LoopTimeRange(false, false, 0, 0, false)
  if last > first then
    reaper.SetEditCurPos(first, false, false)
  end
end

local function insert(path, mode)
  go_to_time_selection()
  if reaper.InsertMedia(path, mode) == 0 then
    error("it did not insert " .. path, 0)
  end
end

local function replace(path)
  local count = reaper.CountSelectedMediaItems(0)
  if count == 0 then
    error("no item is selected: select the one to replace", 0)
  end
  for number = 0, count - 1 do
    local item = reaper.GetSelectedMediaItem(0, number)
    local take = reaper.GetActiveTake(item) or reaper.AddTakeToMediaItem(item)
    local source = reaper.PCM_Source_CreateFromFile(path)
    if not source then
      error("it cannot read " .. path, 0)
    end
    local old = reaper.GetMediaItemTake_Source(take)
    reaper.SetMediaItemTake_Source(take, source)
    if old then
      reaper.PCM_Source_Destroy(old)
    end
    reaper.SetMediaItemTakeInfo_Value(take, "D_STARTOFFS", 0)
    reaper.SetMediaItemTakeInfo_Value(take, "D_PLAYRATE", 1)
    reaper.GetSetMediaItemTakeInfo_String(take, "P_NAME", path:match("[^/\\]+$") or path, true)
    local length, in_beats = reaper.GetMediaSourceLength(source)
    if not in_beats and length < reaper.GetMediaItemInfo_Value(item, "D_LENGTH") then
      reaper.SetMediaItemInfo_Value(item, "D_LENGTH", length)
    end
    reaper.UpdateItemInProject(item)
  end
end

local function undoable(title, change)
  reaper.Undo_BeginBlock()
  reaper.PreventUIRefresh(1)
  local done, problem = pcall(change)
  reaper.PreventUIRefresh(-1)
  reaper.UpdateArrange()
  reaper.Undo_EndBlock("Soundsift: " .. title, -1)
  if not done then
    error(problem, 0)
  end
end

local does = {
  ping = function()
    return { version = reaper.GetAppVersion() }
  end,
  project = function()
    local _, file = reaper.EnumProjects(-1, "")
    if not file or file == "" then
      return { name = "", folder = "" }
    end
    local name = (file:match("[^/\\]+$") or file):gsub("%.[^.]*$", "")
    return { name = name, folder = reaper.GetProjectPath("") }
  end,
  cursor = function(asked)
    refuse_missing(asked.path)
    undoable("insert a sound", function() insert(asked.path, 1) end)
  end,
  track = function(asked)
    refuse_missing(asked.path)
    if reaper.CountSelectedTracks(0) == 0 then
      error("no track is selected: select the one to insert into", 0)
    end
    undoable("insert a sound", function() insert(asked.path, 0) end)
  end,
  replace = function(asked)
    refuse_missing(asked.path)
    undoable("replace items", function() replace(asked.path) end)
  end,
}

local function answer_to(request)
  local asked = fields_of(request)
  local act = does[asked["do"] or ""]
  local answer = { ok = "1" }
  if not act then
    answer = { ok = "0", said = "this script is older than Soundsift: install it again" }
  else
    local done, told = pcall(act, asked)
    if not done then
      answer = { ok = "0", said = told }
    elseif told then
      for key, value in pairs(told) do
        answer[key] = value
      end
    end
  end
  answer.id = asked.id or ""
  return line_of(answer)
end

-- Where requests come from

local function look_at_state()
  local request = reaper.GetExtState(SECTION, "request")
  if request ~= "" then
    reaper.SetExtState(SECTION, "request", "", false)
    reaper.SetExtState(SECTION, "answer", answer_to(request), false)
  end
end

local function look_at_folder()
  local place = FOLDER .. "/request.txt"
  local file = io.open(place, "rb")
  if not file then
    return
  end
  local request = file:read("a")
  file:close()
  os.remove(place)
  local partial = FOLDER .. "/answer.part"
  local out = io.open(partial, "wb")
  if out then
    out:write(answer_to(request))
    out:close()
    os.rename(partial, FOLDER .. "/answer.txt")
  end
end

local looked = -1

local function wait()
  look_at_state()
  local now = reaper.time_precise()
  if FOLDER ~= "" and now - looked >= LOOK_S then
    looked = now
    look_at_folder()
  end
  reaper.defer(wait)
end

if reaper.set_action_options then
  reaper.set_action_options(3)  -- started again, it begins anew and asks nothing
end
wait()
