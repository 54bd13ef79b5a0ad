#!/usr/bin/env bash
# From a fresh Raspberry Pi OS, Debian or Ubuntu to a terminal. docs/provisioning.md is the technician's page.
#
# - A step looks at the machine, not at a memory of it: what is there already is skipped, so the same
#   command goes on after a power cut and changes nothing when all is done.
# - After a step its own question is asked again: a step that did not hold ends the run.
# - --dry-run asks and looks, and writes nothing.
# - Every file that is put here is listed before it is put (provisioning/steps.sh), for --remove.
#
# Exit codes: 0 done; 1 a step failed; 2 wrong use or answers; 3 a bundle that is not believed.
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SOURCE=$(cd "$HERE/.." && pwd)
# shellcheck source=scripts/provisioning/steps.sh
source "$HERE/provisioning/steps.sh"
# shellcheck source=scripts/provisioning/answers.sh
source "$HERE/provisioning/answers.sh"
# shellcheck source=scripts/provisioning/site.sh
source "$HERE/provisioning/site.sh"
# shellcheck source=scripts/provisioning/bundle.sh
source "$HERE/provisioning/bundle.sh"
# shellcheck source=scripts/provisioning/system.sh
source "$HERE/provisioning/system.sh"
# shellcheck source=scripts/provisioning/network.sh
source "$HERE/provisioning/network.sh"
# shellcheck source=scripts/provisioning/program.sh
source "$HERE/provisioning/program.sh"
# shellcheck source=scripts/provisioning/settings.sh
source "$HERE/provisioning/settings.sh"
# shellcheck source=scripts/provisioning/terminal.sh
source "$HERE/provisioning/terminal.sh"
# shellcheck source=scripts/provisioning/handover.sh
source "$HERE/provisioning/handover.sh"
# shellcheck source=scripts/provisioning/removal.sh
source "$HERE/provisioning/removal.sh"

usage() {
    cat <<'USAGE'
provision.sh [--answers FILE] [--offline BUNDLE --trust KEY] [--dry-run] [--reconfigure]
provision.sh --remove (--keep-data | --shred-data) [--keep-packages] [--dry-run]

  --answers FILE   KEY=VALUE lines; nothing is asked (docs/provisioning.md lists the keys)
  --offline DIR    a folder made by scripts/make-bundle; no network is used
  --trust KEY      who signed the bundle: its public key (PEM file), or sha256:FINGERPRINT
  --dry-run        say what would be done, and do nothing
  --reconfigure    write the settings anew from the answers; the old file stays beside them
  --remove         take away everything that was put here, the data kept or shredded
  --keep-packages  with --remove: leave the Debian packages that were installed
USAGE
}

OPENED_KEYS='' SCRATCH=''
DRY_RUN=false OFFLINE='' TRUST='' ANSWERS='' RECONFIGURE=false REMOVE=false DATA='' KEEP_PACKAGES=false

parse() {
    while [ $# -gt 0 ]; do
        case $1 in
            --answers | --offline | --trust)
                [ $# -ge 2 ] || wrong "$1 needs a value"
                case $1 in --answers) ANSWERS=$2 ;; --offline) OFFLINE=$2 ;; --trust) TRUST=$2 ;; esac
                shift ;;
            --dry-run) DRY_RUN=true ;;
            --reconfigure) RECONFIGURE=true ;;
            --remove) REMOVE=true ;;
            --keep-data) DATA=keep ;;
            --shred-data) DATA=shred ;;
            --keep-packages) KEEP_PACKAGES=true ;;
            -h | --help) usage; exit 0 ;;
            *) wrong "$1 is not known; see --help" ;;
        esac
        shift
    done
    [ -z "$OFFLINE" ] || [ -d "$OFFLINE" ] || wrong "$OFFLINE: no such folder"
}

# At every end: keys that this run opened, and what programs kept in their home.
tidy() { rm -rf ${OPENED_KEYS:+"$OPENED_KEYS"} "$SCRATCH"; }

main() {
    parse "$@"
    "$DRY_RUN" || [ "$(id -u)" -eq 0 ] || wrong "run it as root (sudo), or look first with --dry-run"
    umask 022
    SCRATCH=$(mktemp -d)
    trap tidy EXIT
    export HOME=$SCRATCH
    # So that root's runs of the program leave no byte-code where nothing would account for it.
    export PYTHONDONTWRITEBYTECODE=1 ORT_DISABLE_TELEMETRY=1 DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8
    if "$REMOVE"; then
        remove_all
        return
    fi
    look_at_platform
    [ -z "$OFFLINE" ] || bundle_check "$OFFLINE" "$TRUST"
    answers_read "$ANSWERS"
    if ! "$DRY_RUN"; then mkdir -p "$STATE" && chmod 700 "$STATE"; fi
    step packages "Debian packages"
    [ -z "$OFFLINE" ] || step bundle_key "the bundle's key, for later bundles"
    step users "users and groups (sysusers.d)"
    step directories "directories (tmpfiles.d)"
    step program "the program in $RELEASES"
    site_read
    step settings "$SETTINGS"
    step trusted "the broker's CA and headquarters' key"
    step models "model weights"
    step keys "this terminal's keys"
    step certificate "TLS certificate, or the request for one"
    step watchdog "hardware watchdog"
    step logs "logs in memory"
    step updates "security updates by themselves"
    step units "services and timers"
    step firewall "firewall"
    start_units
    hand_over
}

main "$@"
