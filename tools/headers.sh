#!/bin/sh
# Fetches the headers that a module is compiled against: those of the Kamailio
# source package that the installed binary was built from.
#
#   tools/headers.sh VERSION TARGET
#
# VERSION is what `kamailio -v` prints, e.g. 5.6.3. TARGET/src then holds the
# headers. Debian ships no kamailio-dev package, so they are taken from the
# source package. The machine's own package sources are turned into deb-src
# entries in a private folder; nothing outside TARGET's folder is written and
# no root is needed. apt checks the signatures and checksums as always.
set -eu

version=$1
target=$(realpath -m "$2")
etc=${PARLEY_APT_ETC:-/etc/apt}

# Only what a module may include; the whole tree would be ten times as much.
folders='core lib modules/tm modules/rr modules/sl modules/dmq modules/dialog
modules/ims_dialog'

die()
{
	echo "parley: $*" >&2
	exit 1
}

hint='or give KAMAILIO_SRC=<the unpacked source of kamailio>'

[ -r /etc/debian_version ] && command -v apt-get >/dev/null ||
	die "Kamailio's headers come from Debian's source package and this" \
	    "is not Debian; give KAMAILIO_SRC=<the unpacked source of" \
	    "kamailio $version>"
package=$(dpkg-query -W -f '${source:Version}' kamailio 2>/dev/null) &&
	[ -n "$package" ] ||
	die "kamailio is not installed from Debian's packages: make deps, $hint"

mkdir -p "$(dirname "$target")"
work=$(mktemp -d "$target.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$work/sources" "$work/lists/partial" "$work/cache/archives/partial" \
	"$work/get"

# The repositories that apt knows to be Debian's, by the Origin in their signed
# Release file, whatever the mirror is called. Before the first apt-get update
# nothing is known; then the name of the mirror decides.
apt-get indextargets --format '$(ORIGIN) $(REPO_URI)' 2>/dev/null |
	sort -u >"$work/origins" || true

# Both parts read $work/origins first. debian(uri) tells if it is Debian's.
is_debian='
function bare(uri) { sub(/\/+$/, "", uri); return uri }
function debian(uri) {
	uri = bare(uri)
	if (uri in origin)
		return origin[uri] == "Debian"
	return uri ~ /^[a-z+]+:\/\/[^\/]*debian\.org(\/|$)/ ||
	       uri ~ /^[a-z+]+:\/\/[^\/]+\/(debian|debian-security)$/
}
FILENAME == origins {
	if (NF == 2)
		origin[bare($2)] = $1
	next
}'

# One-line form: deb [options] uri suite components
for file in "$etc/sources.list" "$etc"/sources.list.d/*.list; do
	[ -r "$file" ] || continue
	awk -v origins="$work/origins" "$is_debian"'
	$1 == "deb" {
		line = $0
		sub(/^[ \t]*deb[ \t]+/, "", line)
		rest = line
		sub(/^\[[^]]*\][ \t]*/, "", rest)
		split(rest, word, /[ \t]+/)
		if (debian(word[1]))
			print "deb-src " line
	}' "$work/origins" "$file"
done >"$work/sources/one-line.list"

# deb822 form: stanzas of fields; a field goes on in lines that are indented.
for file in "$etc"/sources.list.d/*.sources; do
	[ -r "$file" ] || continue
	awk -v origins="$work/origins" "$is_debian"'
	function flush(	i, n, uri, uris) {
		n = split(field["uris"], uri, /[ \t\n]+/)
		for (i = 1; i <= n; i++)
			if (uri[i] != "" && debian(uri[i]))
				uris = uris " " uri[i]
		if (uris != "" && field["enabled"] !~ /no|false|off|0/ &&
		    (" " field["types"] " ") ~ /[ \t]deb[ \t]/)
			print "Types: deb-src\nURIs:" uris "\n" other
		split("", field)
		other = name = ""
	}
	/^#/ { next }
	/^[ \t]*$/ { flush(); next }
	/^[ \t]/ {
		if (name == "uris" || name == "types")
			field[name] = field[name] " " $0
		else
			other = other $0 "\n"
		next
	}
	{
		colon = index($0, ":")
		name = tolower(substr($0, 1, colon - 1))
		if (name != "uris" && name != "types")
			other = other $0 "\n"
		field[name] = substr($0, colon + 1)
		if (name != "uris")
			field[name] = tolower(field[name])
	}
	END { flush() }' "$work/origins" "$file"
done >"$work/sources/deb822.sources"

[ -s "$work/sources/one-line.list" ] || [ -s "$work/sources/deb822.sources" ] ||
	die "no Debian repository among the package sources in $etc, $hint"

# apt with lists, cache and sources of our own: nothing of the machine's changes.
apt()
{
	tool=$1
	shift
	"$tool" -q \
		-o Dir::Etc::SourceList=/dev/null \
		-o Dir::Etc::SourceParts="$work/sources" \
		-o Dir::State::Lists="$work/lists" \
		-o Dir::Cache="$work/cache" \
		-o Dir::Cache::pkgcache= \
		-o Dir::Cache::srcpkgcache= \
		-o APT::Sandbox::User="$(id -un)" \
		-o APT::Get::List-Cleanup=no \
		-o Acquire::Languages=none \
		-o Acquire::Retries=2 \
		"$@"
}

echo "Fetching Kamailio's headers: source package kamailio $package" \
     "(from Debian, into $target)"
apt apt-get update >"$work/log" 2>&1 || true
cd "$work/get"
if ! apt apt-get source --download-only "kamailio=$package" \
	>>"$work/log" 2>&1; then
	# A point release has replaced the installed revision: any revision of
	# the same upstream version has the same headers.
	other=$(apt apt-cache showsrc kamailio 2>/dev/null |
		sed -n 's/^Version: //p' | grep "^\([0-9]*:\)\?$version-" |
		tail -n 1) || true
	if [ -z "$other" ]; then
		die "cannot fetch the source package kamailio $package:" \
		    "no network, or the mirror does not have it; $hint"
	fi
	echo "kamailio $package is no longer on the mirror, taking $other"
	apt apt-get source --download-only "kamailio=$other" \
		>>"$work/log" 2>&1 ||
		die "cannot fetch the source package kamailio $other: $hint"
fi
cd - >/dev/null

archive=$(find "$work/get" -name "kamailio_$version.orig.tar.*" ! -name '*.asc')
[ -n "$archive" ] ||
	die "the source package has no kamailio_$version.orig.tar file; $hint"

mkdir "$work/tree"
patterns=
for folder in $folders; do
	patterns="$patterns */src/$folder/*.h"
done
# shellcheck disable=SC2086 # the patterns are words, globbing must not happen
(set -f && tar -C "$work/tree" --strip-components=1 --wildcards \
	-xf "$archive" $patterns) ||
	die "cannot unpack $(basename "$archive")"
[ -r "$work/tree/src/core/sr_module.h" ] ||
	die "$(basename "$archive") holds no src/core/sr_module.h"

# Another make may have been faster; its result is the same.
mv -T "$work/tree" "$target" 2>/dev/null || [ -d "$target/src" ]
