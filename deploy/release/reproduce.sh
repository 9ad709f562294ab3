#!/usr/bin/env bash
#
# Builds the commit that is checked out twice, in two clones at different places and
# with nothing in common but the sources, and compares the checksums:
#
#     deploy/release/reproduce.sh
#
# TARGETS may name fewer platforms. Ends with 1 if a single byte differs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for clone in first "second/and deeper"; do
	mkdir -p "$scratch/$clone"
	git clone --quiet --no-hardlinks . "$scratch/$clone/source"
	GOCACHE="$scratch/$clone/cache" TMPDIR="$scratch/$clone" \
		"$scratch/$clone/source/deploy/release/build.sh" "$scratch/$clone/dist"
done
diff "$scratch/first/dist/SHA256SUMS" "$scratch/second/and deeper/dist/SHA256SUMS" >&2 || {
	echo "The builds differ." >&2
	exit 1
}
cat "$scratch/first/dist/SHA256SUMS"
