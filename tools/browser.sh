#!/usr/bin/env bash
# Make sure that there is a browser for the tests of the report.
set -euo pipefail
if [ -n "${MODELSTITCH_BROWSER:-}" ]; then
    exit 0
fi
for name in chromium chromium-browser google-chrome google-chrome-stable; do
    if command -v "$name" > /dev/null; then
        exit 0
    fi
done
if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "make test installs one system package: chromium (by apt-get, with what it depends on)."
    echo "Why: the tests open report.html in a browser. To leave these tests out: NO_BROWSER=1 make test"
    sleep 3 # time to stop it
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null
    exit 0
fi
echo "expected a browser for the tests of the report, found none: install Chromium (apt-get install chromium, or brew install --cask chromium)," \
    "set MODELSTITCH_BROWSER to one, or leave these tests out with NO_BROWSER=1 make test" >&2
exit 1
