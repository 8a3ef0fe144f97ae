#!/bin/sh
# A recommender in shell, by jq: the items in turn, from a place in the catalogue that is each session's own.
#
#   longrec evaluate "command:sh docs/examples/agents/in_turn.sh" --suite smoke-v1
#
# One message is a line of JSON, and so is its answer. Keys have 64 bits, more than jq's numbers, so they come as texts.
# See docs/protocol.md. Items that a protocol forbids are passed over; slates hold items that follow one another.
exec jq --null-input --compact-output --unbuffered '
  def turn($items; $forbidden):
    . as $start | first(range($items) | (. + $start) % $items | select(. as $item | $forbidden | index($item) | not));

  foreach inputs as $message ({};
    if $message.type == "reset" then
      {items: ($message.task.catalogue.popularity | length), slate: $message.task.slate_size}
    else . end;

    . as $task |
    if $message.type == "hello" then {type: "hello", protocol: 1, name: "in-turn-sh", methods: ["reset"]}
    elif $message.type == "reset" then {type: "done"}
    elif $message.type == "act" then {type: "actions", actions: [
      range($message.lanes | length) as $row
      | ($message.keys[$row][-6:] | tonumber) + $message.steps[$row]
      | turn($task.items; $message.infos.forbidden[$row] // []) as $item
      | if $task.slate == null then $item else [range($task.slate) | (. + $item) % $task.items] end
    ]}
    else {type: "error", message: "I have no answer to \($message.type)"} end)
'
