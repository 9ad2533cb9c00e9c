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
    echo "installing chromium for the tests of the report ..."
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium > /dev/null
    exit 0
fi
echo "the tests of the report need a browser: install Chromium (apt-get install chromium, brew install chromium), or set MODELSTITCH_BROWSER to one" >&2
exit 1
