#!/bin/sh
# Takes the service away. The configuration and the events stay: they are the operator's to delete.
# Called by "make uninstall": DESTDIR PREFIX SYSCONF UNITS COMMANDS
set -eu
destdir=$1 prefix=$2 sysconf=$3 units=$4 commands=$5

if [ -z "$destdir" ] && [ -d /run/systemd/system ] && [ -e "$units/eventd.service" ]; then
    systemctl disable --quiet --now eventd.service
fi
rm -f "$destdir$units/eventd.service"
if [ "$(readlink "$destdir$commands/eventd")" = "$prefix/bin/eventd" ]; then
    rm -f "$destdir$commands/eventd"
fi
# Only what "make install" made: a virtual environment.
if [ -e "$destdir$prefix/pyvenv.cfg" ]; then
    rm -rf "$destdir$prefix"
fi
rm -f "$destdir$sysconf/eventd.ini.default"
if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
echo "eventd is gone; $sysconf and /var/lib/eventd stay"
