#!/bin/sh
# Installs the modules into a folder of their own, and takes them away again:
#
#   tools/install.sh install MODDIR FILE...
#   tools/install.sh uninstall MODDIR
#
# Headers among the files go into MODDIR/include, what makes tables into
# MODDIR/sql. Root also gets the folder for the journal of calls,
# /var/lib/kamailio of user kamailio, if there is no such.
# DESTDIR in the environment is put before MODDIR, as packagers expect. The file
# parley.manifest in MODDIR lists what was installed, with checksums; nothing
# else is ever overwritten or removed. Its comment lines name folders made.
set -eu

die()
{
	echo "parley: $*" >&2
	exit 1
}

# True if @1 is in the manifest and is still what was installed.
is_ours()
{
	[ -r "$manifest" ] && grep -v '^#' "$manifest" |
		grep -F "  $1" | (cd "$folder" && sha256sum -c --status -)
}

# Adds @1, and the folders above it that are not there, to those that are made.
note_missing()
{
	parent=$1
	while [ ! -d "$parent" ]; do
		made="$made$parent
"
		parent=$(dirname "$parent")
	done
}

# Calls that the database has not got yet outlive a crash there (journal_dir).
install_state()
{
	state=${DESTDIR:-}/var/lib/kamailio
	[ ! -d "$state" ] || return 0
	if ! id kamailio >/dev/null 2>&1 || [ "$(id -u)" != 0 ]; then
		echo "For db_mode 1 or 2, make a folder that Kamailio's user may" \
			"write to: /var/lib/kamailio"
		return 0
	fi
	note_missing "$state"
	mkdir -p "$state"
	chown kamailio:kamailio "$state"
	chmod 750 "$state"
}

# Where @1 goes, below the folder.
name_of()
{
	case $1 in
	*.h) echo "include/$(basename "$1")" ;;
	*/sql/*) echo "sql/${1##*/sql/}" ;;
	*) basename "$1" ;;
	esac
}

install_files()
{
	[ $# -gt 0 ] || die "nothing to install: hosts/kamailio has no code"
	[ ! -e "$folder/tm.so" ] && [ ! -e "$folder/rr.so" ] ||
		die "$folder holds packaged modules; give another MODDIR=<folder>"
	for file; do
		name=$(name_of "$file")
		[ ! -e "$folder/$name" ] || is_ours "$name" ||
			die "$folder/$name is not ours;" \
			    "give another MODDIR=<folder>"
	done

	made=
	for file; do
		below=$(dirname "$(name_of "$file")")
		while [ "$below" != . ]; do
			[ -d "$folder/$below" ] || made="$made$folder/$below
"
			below=$(dirname "$below")
		done
	done
	note_missing "$folder"
	# What an earlier installation made is still ours to remove.
	[ ! -r "$manifest" ] || made="$made$(sed -n 's/^# made //p' "$manifest")"

	mkdir -p "$folder" 2>/dev/null && [ -w "$folder" ] ||
		die "cannot write to $folder: root is needed"
	for file; do
		mode=644
		[ ! -x "$file" ] || [ "${file%.so}" != "$file" ] || mode=755
		install -D -m "$mode" "$file" "$folder/$(name_of "$file")"
	done
	install_state
	{
		echo "# Installed by Parley's make install."
		# What is in a folder is removed before it.
		echo "$made" | sort -ru | sed -n 's/^./# made &/p'
		cd "$folder"
		for file; do
			sha256sum "$(name_of "$file")"
		done
	} >"$manifest.new"
	mv "$manifest.new" "$manifest"

	echo "Installed into $folder. In kamailio.cfg, replace the line that"
	echo "loads the stock module by one of:"
	for file; do
		case $file in
		*.so) echo "    loadmodule \"$moddir/$(basename "$file")\"" ;;
		esac
	done
	[ ! -e "$folder/parley-journal" ] ||
		echo "Before going back to it: $moddir/parley-journal"
	[ ! -d "$folder/include" ] ||
		echo "For modules of your own: -I$moddir/include"
}

uninstall_files()
{
	[ -r "$manifest" ] || die "nothing of ours in $folder"
	kept=
	for name in $(sed -n 's/^[0-9a-f]*  //p' "$manifest"); do
		[ -e "$folder/$name" ] || continue
		if is_ours "$name"; then
			rm "$folder/$name"
		else
			kept="$kept $name"
		fi
	done
	folders=$(sed -n 's/^# made //p' "$manifest")
	rm "$manifest"
	# A folder that holds something else by now stays.
	echo "$folders" | while read -r made; do
		[ -z "$made" ] || rmdir "$made" 2>/dev/null || :
	done
	[ -z "$kept" ] || echo "Changed since the installation, so kept:$kept"
	echo "Uninstalled from $folder"
}

command=$1
moddir=$2
shift 2
case $moddir in
/parley) die "kamailio is not installed: make deps, or give MODDIR=<folder>" ;;
/*) ;;
*) die "MODDIR=$moddir must be an absolute path" ;;
esac
folder=${DESTDIR:-}$moddir
manifest=$folder/parley.manifest

case $command in
install) install_files "$@" ;;
uninstall) uninstall_files ;;
*) die "unknown command $command" ;;
esac
