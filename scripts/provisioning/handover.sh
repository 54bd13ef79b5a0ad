# shellcheck shell=bash
# The end: `kiosk doctor`, the signed report, and what is left to do.

REPORT=$STATE/report

hand_over() {
    "$DRY_RUN" && { say would report "kiosk doctor, and a signed report in $REPORT.json and $REPORT.pdf"; return; }
    case " ${STEPS[*]} " in *=done\ *) ;; *) [ ! -f "$REPORT.pdf" ] || { say skip report "nothing changed since $REPORT.json"; remains; return; } ;; esac
    printf '%s\n' "${STEPS[@]}" >"$STATE/steps"
    open_keys
    run_doctor
    quietly "$OPT/current/bin/python" -m kiosk.handover make --config "$SETTINGS" --state "$STATE" --out "$REPORT"
    say 'done' report "$REPORT.json, $REPORT.pdf: signed by this terminal's key"
    remains
}

# Its failures are lines of the report, and not the run's: a camera may come later.
run_doctor() {
    rm -f "$STATE/doctor.json"
    "$(kiosk_bin)" doctor --help >/dev/null 2>&1 || return 0
    "$(kiosk_bin)" doctor --config "$SETTINGS" --assume-yes || true
    "$(kiosk_bin)" doctor --config "$SETTINGS" --assume-yes --json >"$STATE/doctor.json" 2>/dev/null || true
}

# open_keys: sealed ones, in memory, until this run ends.
open_keys() {
    is_sealed && [ ! -d "$MEMORY_KEYS" ] || return 0
    OPENED_KEYS=$MEMORY_KEYS
    quietly "$(kiosk_bin)" keys unseal "$SEALED"
}

remains() {
    echo
    echo "Still to do:"
    if uses_site_file; then
        join_remains
    else
        echo "- give $ETC/signing.pub and $ETC/sealing.pub to headquarters (kiosk-hq terminals add)"
        [ -f "$ETC/tls/terminal.pem" ] || echo "- have $ETC/tls/terminal.csr signed, then run this again with CERTIFICATE=FILE: delivery starts then"
    fi
    is_sealed && echo "- sealed keys open on this machine only: without a backup ([backup] in $SETTINGS) its data is lost with it"
    is_booted || echo "- start the machine: the services start with it"
}
