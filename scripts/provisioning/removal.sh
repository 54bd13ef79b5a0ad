# shellcheck shell=bash
# --remove: everything that was put here goes, in the reverse order; what stays is named, with the reason.
#
# Kept data is the databases, the models, the keys and the settings that say what they are, and their users.
# Shredding overwrites before it deletes; an SD card keeps old pages all the same (docs/keys.md), so that what
# counts is that the keys are gone. Cut off in the middle, the same command goes on.

remove_all() {
    local line
    [ -d "$STATE" ] || { say skip remove "nothing was put here by provision.sh"; return 0; }
    [ -n "$DATA" ] || wrong "--remove needs --keep-data or --shred-data"
    if "$DRY_RUN"; then
        while read -r line; do
            if [ -e "$line" ] || [ -L "$line" ]; then say would remove "$line"; fi
        done < <(cat "$STATE"/{files,directories} 2>/dev/null | sort)
        while read -r line; do say would remove "package $line"; done < <("$KEEP_PACKAGES" || lines packages)
        say would "$DATA" "$DATA_DIR, keys"
        return 0
    fi
    remove_units
    remove_files
    if [ "$DATA" = shred ]; then shred_data; fi
    remove_directories
    remove_users
    remove_packages
    remove_state
}

# lines KIND: what was listed, the last first.
lines() { [ ! -f "$STATE/$1" ] || tac "$STATE/$1"; }

remove_units() {
    local name
    while read -r name; do disable_unit "$name"; done < <(lines units)
    say 'done' units "stopped and disabled"
}

remove_files() {
    local path
    while read -r path; do
        if [ "$DATA" = keep ]; then
            # What a restored or kept ledger needs: who the terminal is, and whom it trusts.
            case $path in "$SETTINGS" | "$ETC"/*.pub | "$ETC"/tls/*) kept "$path"; continue ;; esac
        fi
        case $path in *.key | *.key.new | *.key.partial) wipe "$path" ;; *) rm -f "$path" ;; esac
    done < <(lines files)
    rm -rf "$OPT"
    if is_booted; then systemctl daemon-reload; systemctl restart systemd-journald; fi
    say 'done' files "removed"
}

KEPT=()
kept() { [ ! -e "$1" ] || KEPT+=("$1"); }

wipe() {
    [ -e "$1" ] || return 0
    shred -u -- "$1"
}

shred_data() {
    local path
    # Keys first: without them the databases are noise, whatever happens next.
    while read -r path; do wipe "$path"; done < <(lines data; lines host_key)
    rm -rf "$MEMORY_KEYS"
    while IFS= read -r -d '' path; do wipe "$path"; done < <(find "$ETC/sealed" "$ETC/keys" "$ETC/tls" "$DATA_DIR" -type f -print0 2>/dev/null)
    rm -rf "$DATA_DIR" "$ETC"
    say 'done' data "shredded: keys, databases, models, settings"
}

remove_directories() {
    local path
    while read -r path; do
        [ "$path" = "$STATE" ] || rmdir --ignore-fail-on-non-empty "$path" 2>/dev/null || true
        [ ! -d "$path" ] || kept "$path"
    done < <(lines directories)
}

remove_users() {
    local name
    if [ "$DATA" = keep ]; then
        say kept users "the kept files are theirs: $(lines users | tr '\n' ' ')"
        return
    fi
    while read -r name; do if getent passwd "$name" >/dev/null; then quietly userdel "$name"; fi; done < <(lines users)
    while read -r name; do if getent group "$name" >/dev/null; then quietly groupdel "$name"; fi; done < <(lines groups)
    say 'done' users "removed, with their groups"
}

remove_packages() {
    local names name
    mapfile -t names < <(lines packages)
    [ ${#names[@]} -gt 0 ] || return 0
    if "$KEEP_PACKAGES"; then
        say kept packages "${#names[@]} that were installed"
        return
    fi
    # sudo refuses to go where root has no password; before it came here nobody could use it either.
    SUDO_FORCE_REMOVE=yes quietly apt-get -qq purge -y "${names[@]}"
    # Users of packages' own (sysusers.d) outlive them.
    while read -r name; do if getent passwd "$name" >/dev/null; then quietly userdel "$name"; fi; done < <(lines package_users)
    rm -f "$STATE/packages"
    say 'done' packages "${#names[@]} purged"
}

remove_state() {
    local path
    if [ "$DATA" = keep ]; then
        for path in "$DATA_DIR" "$SEALED" "$PLAIN_KEYS" "$HOST_KEY"; do kept "$path"; done
        while read -r path; do say kept "$path"; done < <(printf '%s\n' "${KEPT[@]}" | sort -u)
        say kept "$STATE" "what is left, for --remove --shred-data"
    else
        rm -rf "$STATE"
        say 'done' remove "nothing of it is left"
    fi
}
