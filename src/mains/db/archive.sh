# Postgres calls it with the path and the name of a finished segment, again and again until it
# ends with 0: then the segment lies in the archive, whole, and on the disk.
set -eu
kept="$into/$2.gz"
if [ -e "$kept" ]; then
    # It comes again after a crash. What is there is never written over.
    if gzip -dc "$kept" | cmp -s - "$1"; then
        exit 0
    fi
    echo "mains: the archive has another $2 already: $kept" >&2
    exit 1
fi
partial="$into/.$2.partial"
gzip -c1 "$1" >"$partial"
sync "$partial"
mv "$partial" "$kept"
sync "$into"
