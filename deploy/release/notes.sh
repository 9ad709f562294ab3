#!/usr/bin/env bash
#
# Prints what CHANGELOG.md says about a version, given as its tag:
#
#     deploy/release/notes.sh v1.2.3
set -euo pipefail
version=${1:?usage: notes.sh TAG}
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
awk -v heading="## [${version#v}]" '
	index($0, heading) == 1     { inside = 1; next }
	inside && /^(## |\[.*\]: )/ { exit }
	inside                      { text = text $0 "\n"; if (/[^[:space:]]/) found = 1 }
	END {
		if (!found) { print "CHANGELOG.md has nothing under \"" heading "\"." > "/dev/stderr"; exit 1 }
		gsub(/^\n+|\n+$/, "", text)
		print text
	}
' CHANGELOG.md
