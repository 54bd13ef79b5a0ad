#!/bin/sh
# Prints the punches that pass by, a JSON line each, until it is stopped:
#
#   punches.sh HOST PORT CA.pem WATCH.pem WATCH.key
#
# It verifies NOTHING: no signature, no hash, no order, and a record that is sent again is printed
# again. It is for looking, not for paying: that takes consumer.py. Needs mosquitto_sub and jq.
set -eu
[ $# -eq 5 ] || { echo "usage: $0 HOST PORT CA.pem WATCH.pem WATCH.key" >&2; exit 2; }
echo "punches.sh: nothing here is verified" >&2
# -N: no line end behind a message, jq finds the end of each array itself.
mosquitto_sub -V 5 -q 1 -h "$1" -p "$2" --cafile "$3" --cert "$4" --key "$5" -N -t 'kiosk/v1/+/+/events' |
    jq --unbuffered -c '.[]? | .data | select(.kind == "punch")
        | {terminal: (.site + "/" + .terminal), seq, id, time: .time.utc,
           synchronised: .time.synchronised, person: .body.person, method: .body.method,
           direction: .body.direction}'
