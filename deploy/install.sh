#!/bin/sh
# Installs the relay (and the command `amanat`, where it was built) on Debian, from the built tree:
#
#   cargo build --release
#   sudo deploy/install.sh
#
# May be run again, after an update too: it replaces the programs and the unit, and touches nothing else. It starts
# nothing; at the end it says what to do next.
set -eu

user=amanat-relay
state=/var/lib/amanat-relay
bin=/usr/local/bin
unit=/etc/systemd/system/amanat-relay.service

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
built=${1:-$here/../target/release}

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    printf '  try: %s\n' "$2" >&2
    exit 1
}

case ${1:-} in
-h | --help)
    printf 'usage: sudo %s [FOLDER OF THE BUILT PROGRAMS]\n' "$0"
    exit 0
    ;;
esac

[ "$(id -u)" -eq 0 ] || fail 'this needs root' "sudo $0"
[ -x "$built/amanat-relay" ] || fail "there is no amanat-relay in $built" 'cargo build --release'
command -v adduser >/dev/null || fail 'adduser is missing' 'apt-get install adduser'

if ! getent passwd "$user" >/dev/null; then
    adduser --system --group --no-create-home --home "$state" --gecos 'Amanat relay' "$user"
fi

install -d -m 0700 -o "$user" -g "$user" "$state"
install -m 0755 "$built/amanat-relay" "$bin/amanat-relay"
if [ -x "$built/amanat" ]; then
    install -m 0755 "$built/amanat" "$bin/amanat"
fi
install -m 0644 "$here/amanat-relay.service" "$unit"

# In a container or a chroot there is no systemd to tell.
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    if systemctl is-active --quiet amanat-relay; then
        systemctl restart amanat-relay
        printf 'The relay runs again, with the new program.\n'
        exit 0
    fi
fi

if [ -e "$state/relay.cert" ]; then
    cat <<NEXT
Installed. To start the relay:
  sudo systemctl enable --now amanat-relay
NEXT
else
    cat <<NEXT
Installed. Next:
  1. sudo -u $user $bin/amanat-relay init --dir $state --listen ADDRESS:7461 --domain DOMAIN
  2. take $state/relay.card to the authority, who answers with relay.cert:
     amanat relay certify relay.card --authority A --out relay.cert
  3. sudo install -m 0644 -o $user relay.cert $state/relay.cert
  4. sudo -u $user $bin/amanat-relay check --dir $state
  5. sudo systemctl enable --now amanat-relay
NEXT
fi
