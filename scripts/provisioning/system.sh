# shellcheck shell=bash
# What Debian has: packages, users, directories, logs, watchdog, updates. Always drop-ins: no file of a
# package is changed, so removing ours brings back what was.

# packages_wanted prints the names, one a line. scripts/make-bundle prints the same list into a bundle.
packages_wanted() {
    printf '%s\n' ca-certificates openssl python3 python3-venv sudo fonts-dejavu-core tzdata python3-evdev
    time_daemon_is_there || printf 'systemd-timesyncd\n'
    [ "${ANSWER[FIREWALL]}" = no ] || printf 'nftables\n'
    [ "${ANSWER[UPDATES]}" = no ] || printf 'unattended-upgrades\n'
    [ "${ANSWER[SCREEN]}" = no ] || printf '%s\n' chromium cage fonts-wqy-zenhei
    # Raspberry Pi's archive. lgpio from it, never from PyPI: on Python 3.13 pip takes an empty placeholder.
    [ "${ANSWER[PINS]}" = mock ] || printf 'python3-lgpio\n'
    [ "${ANSWER[CAMERA]}" != picamera2 ] || printf '%s\n' python3-libcamera python3-picamera2
}

time_daemon_is_there() { has_package chrony || has_package ntpsec || has_package openntpd; }
has_package() { [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }
installed_packages() { dpkg-query -W -f '${db:Status-Status} ${Package}\n' | sed -n 's/^installed //p' | sort -u; }

packages_missing() {
    local name
    for name in $(packages_wanted); do has_package "$name" || printf '%s\n' "$name"; done
}

packages_is_done() { [ -z "$(packages_missing)" ] && [ ! -e "$STATE/packages.before" ]; }

packages_do() {
    local missing debs=() name
    missing=$(packages_missing)
    # Written before apt works: a run cut off in the middle still knows what was there before.
    [ -e "$STATE/packages.before" ] || { installed_packages >"$STATE/.before" && mv "$STATE/.before" "$STATE/packages.before"; }
    [ -e "$STATE/users.before" ] || getent passwd | cut -d: -f1 | sort >"$STATE/users.before"
    quietly dpkg --configure -a # what a run cut off left half done
    if [ -n "$OFFLINE" ]; then
        for name in "$OFFLINE"/debs/*.deb; do [ -e "$name" ] && debs+=("$(realpath "$name")"); done
        [ -z "$missing" ] || [ ${#debs[@]} -gt 0 ] || die "packages: not installed and not in the bundle: $(tr '\n' ' ' <<<"$missing"); use a system image that has them, or make-bundle --dpkg-status"
        # Of the bundle's files alone: with the sources in sight apt would fetch the same versions from there.
        [ -z "$missing" ] || quietly apt-get -qq -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts=/dev/null \
            -o Dir::State::lists=/run/kiosk-no-lists -o APT::Sandbox::User=root install -y --no-install-recommends "${debs[@]}"
        rm -rf /run/kiosk-no-lists
    elif [ -n "$missing" ]; then
        quietly apt-get -qq update
        # shellcheck disable=SC2086 # names, one a word
        quietly apt-get -qq install -y --no-install-recommends $missing
    fi
    while read -r name; do listed packages "$name"; done < <(comm -13 "$STATE/packages.before" <(installed_packages))
    while read -r name; do listed package_users "$name"; done < <(comm -13 "$STATE/users.before" <(getent passwd | cut -d: -f1 | sort))
    rm "$STATE/users.before" "$STATE/packages.before"
}

TMPFILES=/usr/lib/tmpfiles.d/kiosk.conf

# users_table: SOURCE DESTINATION MODE of what says who there is and who may what.
users_table() {
    local file name
    for file in "$SOURCE"/systemd/*.sysusers; do
        name=${file##*/}
        printf '%s %s 644\n' "$file" "/usr/lib/sysusers.d/${name%.sysusers}.conf"
    done
    for file in "$SOURCE"/systemd/*.sudoers; do
        name=${file##*/}
        printf '%s %s 440\n' "$file" "/etc/sudoers.d/${name%.sudoers}"
    done
}

# users_wanted: the lines of sysusers.d(5) in all of them.
users_wanted() { cat "$SOURCE"/systemd/*.sysusers && { [ "${ANSWER[SCREEN]}" = no ] || browser_user; }; }
BROWSER_USER=/usr/lib/sysusers.d/kiosk-browser.conf
browser_user() { printf 'u kiosk-browser - "Kiosk browser on the display"\n'; }

users_is_done() {
    local from to mode kind name
    while read -r from to mode; do holds "$to" "$mode" <"$from" || return 1; done < <(users_table)
    [ "${ANSWER[SCREEN]}" = no ] || browser_user | holds "$BROWSER_USER" 644 || return 1
    while read -r kind name _; do
        case $kind in
            u) getent passwd "$name" >/dev/null || return 1 ;;
            g) getent group "$name" >/dev/null || return 1 ;;
        esac
    done < <(users_wanted)
}

users_do() {
    local from to mode kind name
    while read -r kind name _; do
        case $kind in
            u) getent passwd "$name" >/dev/null || listed users "$name" ;;&
            u | g) getent group "$name" >/dev/null || listed groups "$name" ;;
        esac
    done < <(users_wanted)
    while read -r from to mode; do put "$mode" "$to" <"$from"; done < <(users_table)
    [ "${ANSWER[SCREEN]}" = no ] || browser_user | put 644 "$BROWSER_USER"
    quietly systemd-sysusers
    quietly visudo -cq
}

directories_is_done() {
    local kind path mode user group
    holds "$TMPFILES" 644 <"$SOURCE/systemd/kiosk.tmpfiles" || return 1
    while read -r kind path mode user group _; do
        [ "$kind" = d ] || continue
        [ "$(stat -c '0%a %U %G' "$path" 2>/dev/null)" = "$mode $user $group" ] || return 1
    done <"$TMPFILES"
}

directories_do() {
    local kind path
    put 644 "$TMPFILES" <"$SOURCE/systemd/kiosk.tmpfiles"
    while read -r kind path _; do
        [ "$kind" != d ] || [ -d "$path" ] || listed directories "$path"
    done <"$TMPFILES"
    quietly systemd-tmpfiles --create "$TMPFILES"
}

WATCHDOG=/etc/systemd/system.conf.d/kiosk.conf
# The Pi's watchdog counts at most 15.99 s (20 bits at 65536 Hz). A shutdown that hangs is cut too.
watchdog_text() { printf '[Manager]\nRuntimeWatchdogSec=15\nRebootWatchdogSec=2min\n'; }
watchdog_is_done() { if [ "${ANSWER[WATCHDOG]}" = no ]; then [ ! -e "$WATCHDOG" ]; else watchdog_text | holds "$WATCHDOG" 644; fi; }
watchdog_do() { if [ "${ANSWER[WATCHDOG]}" = no ]; then rm "$WATCHDOG"; else watchdog_text | put 644 "$WATCHDOG"; fi; }

LOGS=/etc/systemd/journald.conf.d/kiosk.conf
# 32 MB: the journal in memory must leave the models theirs on a Pi with 1 GB.
logs_text() { printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=32M\n'; }
logs_is_done() { if [ "${ANSWER[LOGS]}" = disk ]; then [ ! -e "$LOGS" ]; else logs_text | holds "$LOGS" 644; fi; }
logs_do() {
    if [ "${ANSWER[LOGS]}" = disk ]; then rm "$LOGS"; else logs_text | put 644 "$LOGS"; fi
    if is_booted; then quietly systemctl restart systemd-journald; fi
}

UPDATES=/etc/apt/apt.conf.d/52kiosk-updates
updates_text() {
    local reboot=true
    [ "${ANSWER[REBOOT_AT]}" != never ] || reboot=false
    cat <<CONF
// After 50unattended-upgrades, which names Debian's security archive; this adds Raspberry Pi's.
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Origins-Pattern { "origin=Raspberry Pi Foundation,codename=\${distro_codename}"; };
Unattended-Upgrade::Automatic-Reboot "$reboot";
CONF
    [ "$reboot" = false ] || printf 'Unattended-Upgrade::Automatic-Reboot-Time "%s";\n' "${ANSWER[REBOOT_AT]}"
}
updates_is_done() { if [ "${ANSWER[UPDATES]}" = no ]; then [ ! -e "$UPDATES" ]; else updates_text | holds "$UPDATES" 644; fi; }
updates_do() { if [ "${ANSWER[UPDATES]}" = no ]; then rm "$UPDATES"; else updates_text | put 644 "$UPDATES"; fi; }
