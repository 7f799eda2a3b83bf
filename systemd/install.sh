#!/bin/sh
# Installs eventd as a systemd service. Running it again brings an older installation up to date.
# Called by "make install": PYTHON DESTDIR PREFIX SYSCONF UNITS COMMANDS PACKAGE...
set -eu
python=$1 destdir=$2 prefix=$3 sysconf=$4 units=$5 commands=$6
shift 6

# A link's target is where things will be, not where they are put together.
venv=$destdir$prefix
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
pip="$venv/bin/python -m pip --disable-pip-version-check --quiet --quiet"
# What an earlier build left in the tree would be installed, too, after its file is gone.
for package in "$@"; do
    rm -rf "$package/build/lib" "$package"/build/bdist.*
done
$pip install --upgrade 'setuptools>=77' wheel
$pip install --no-build-isolation "$@"
# The version may be the same and the code not.
$pip install --no-build-isolation --no-deps --force-reinstall "$@"
for package in "$@"; do
    rm -rf "$package/build/lib" "$package"/build/bdist.*
done
install -d "$venv/share/doc"
install -m 644 README.md LICENSE CHANGELOG.md "$venv/share/doc"

# The operator's settings stay: only what nobody has written yet is put there.
install -d "$destdir$sysconf/conf.d"
install -m 644 etc/eventd.ini "$destdir$sysconf/eventd.ini.default"
[ -e "$destdir$sysconf/eventd.ini" ] || install -m 644 etc/eventd.ini "$destdir$sysconf/eventd.ini"
install -d "$destdir$commands"
ln -sfn "$prefix/bin/eventd" "$destdir$commands/eventd"
install -d "$destdir$units"
sed "s|/opt/eventd|$prefix|g; s|/etc/eventd|$sysconf|g" systemd/eventd.service >"$destdir$units/eventd.service.new"
chmod 644 "$destdir$units/eventd.service.new"
mv "$destdir$units/eventd.service.new" "$destdir$units/eventd.service"

if [ -z "$destdir" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
    systemctl enable --quiet eventd.service
    systemctl restart eventd.service
    echo "eventd runs: systemctl status eventd"
else
    echo "eventd is installed; systemd does not run here, so that it was not started"
fi
