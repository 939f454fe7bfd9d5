#!/bin/sh
# Debian's PgBouncer with the libraries that it names, and bin/pgbouncer, which starts it with them:
#
#   pgbouncer.sh FOLDER
set -eu
cd "$1"
if [ ! -x usr/sbin/pgbouncer ]; then
  packages() {
    # Not the C library, which belongs to the machine's own loader.
    libraries=$(apt-cache depends --important pgbouncer | sed -n 's/^ *Depends: \(lib[^ ]*\).*/\1/p' | grep -v '^libc6$')
    # shellcheck disable=SC2086 # one word each
    apt-get download -q pgbouncer $libraries
  }
  packages || { apt-get update -q && packages; }
  for package in *.deb; do
    dpkg -x "$package" .
  done
fi
mkdir -p bin
cat > bin/pgbouncer <<SCRIPT
#!/bin/sh
LD_LIBRARY_PATH=$(find "$PWD/usr/lib" "$PWD/lib" -maxdepth 1 -name '*-linux-gnu' 2>/dev/null | paste -sd :)
export LD_LIBRARY_PATH
exec "$PWD/usr/sbin/pgbouncer" "\$@"
SCRIPT
chmod +x bin/pgbouncer
bin/pgbouncer --version
