#!/bin/sh
# Installs what the tests run against and Python does not have: other people's servers and clients.
# What is there already is not touched, and nothing is fetched then. What cannot be had is told:
# the tests that need it are skipped, with the reason.
set -u
cd "$(dirname "$0")/.." || exit 1
PATH=$PATH:/usr/sbin:/usr/local/sbin

# "program package" in each line.
missing=$(while read -r program package; do
    command -v "$program" >/dev/null || echo "$package"
done <<END
curl curl
cc gcc
nats-server nats-server
redis-server redis-server
node nodejs
npm npm
chromium chromium
END
)

if [ -n "$missing" ]; then
    missing=$(echo "$missing" | tr '\n' ' ')
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "installing $missing"
        log=$(mktemp)
        export DEBIAN_FRONTEND=noninteractive
        # policy-rc.d: the tests start the servers themselves; the packages' own services would only take ports.
        guard=/usr/sbin/policy-rc.d
        [ -e $guard ] && guard= || { printf '#!/bin/sh\nexit 101\n' >$guard; chmod +x $guard; }
        # shellcheck disable=SC2086  # a list of packages
        { apt-get update -q && apt-get install -qy --no-install-recommends $missing; } >"$log" 2>&1 || {
            tail -n 5 "$log"
            echo "could not install: $missing(their tests are skipped)"
        }
        [ -n "$guard" ] && rm -f "$guard"
        rm -f "$log"
    else
        echo "not installed: $missing(their tests are skipped; root's make test installs them)"
    fi
fi

# The clients of node, at the versions that tests/system/node/package.json names.
from=tests/system/node/package.json
into=build/node
if command -v npm >/dev/null && ! cmp -s $from $into/installed.json; then
    echo "installing the clients of node into $into"
    mkdir -p $into && cp $from $into/package.json
    if (cd $into && npm install --no-package-lock --no-audit --no-fund --loglevel=error) >/dev/null; then
        cp $from $into/installed.json
    else
        echo "could not install the clients of node (their tests are skipped)"
    fi
fi
exit 0
