# Postgres calls it while it recovers, with the name of a file and where it wants it. 1 says that
# the archive ends here; a file that is there and damaged ends the recovery instead.
set -eu
kept="$from/$1.gz"
[ -e "$kept" ] || exit 1
gzip -dc "$kept" >"$2" || exit 200
