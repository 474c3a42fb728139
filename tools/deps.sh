#!/bin/sh
# Installs from Debian's packages what is missing for a purpose, no more:
#
#   tools/deps.sh build|run|test|bench...
#
# It says what it installs before it does. When nothing is missing it calls no
# package tool at all. No service is started or left enabled by what it
# installs; services that ran or were enabled before are not touched.
set -eu

# Tests give a folder that stands for the machine.
root=${PARLEY_ROOT:-}
policy=$root/usr/sbin/policy-rc.d
saved=$policy.before-parley
# Read when PostgreSQL is installed, which else makes a database of its own.
cluster=$root/etc/postgresql-common/createcluster.d/parley.conf
mark='made by parley'

# Debian's users have no PATH to the servers.
PATH=$PATH:$root/usr/sbin

die()
{
	echo "parley: $*" >&2
	exit 1
}

# True if the file pattern @1 has a match.
there()
{
	# shellcheck disable=SC2086 # the pattern is to be expanded
	set -- $1
	[ -e "$1" ]
}

# need PACKAGE PATTERN: the package is missing if nothing matches the pattern.
# Looking for the file that is used, and not for the package, is faster, and it
# accepts tools that were installed in another way.
need()
{
	there "$root$2" || missing="$missing $1"
}

need_command()
{
	command -v "$2" >/dev/null || missing="$missing $1"
}

needs_of_build()
{
	need_command gcc gcc
	need_command make make
	need_command binutils ar
	need_command xz-utils xz
	need libc6-dev '/usr/include/stdio.h'
	need_command kamailio kamailio
}

needs_of_run()
{
	needs_of_build
	need kamailio-sqlite-modules '/usr/lib/*/kamailio/modules/db_sqlite.so'
	need_command sip-tester sipp
	# Its standard library too, which the smallest installation lacks.
	need python3 '/usr/lib/python3.*/json/__init__.py'
	need_command curl curl
}

needs_of_test()
{
	modules='/usr/lib/*/kamailio/modules'
	needs_of_run
	need_command clang clang
	need_command clang-format clang-format
	need_command clang-tidy clang-tidy
	need libclang-rt-14-dev \
		'/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a'
	need libcmocka-dev '/usr/include/cmocka.h'
	need_command valgrind valgrind
	need kamailio-ims-modules "$modules/ims_dialog.so"
	need kamailio-lua-modules "$modules/app_lua.so"
	need kamailio-python3-modules "$modules/app_python3.so"
	# The packaged modules that sit on dialog, and what shows their effect.
	need kamailio-json-modules "$modules/jansson.so"
	need kamailio-extra-modules "$modules/acc_json.so"
	need kamailio-presence-modules "$modules/pua_dialoginfo.so"
	need kamailio-cnxcc-modules "$modules/cnxcc.so"
	need kamailio-snmpstats-modules "$modules/snmpstats.so"
	need snmpd /usr/sbin/snmpd
	need_command snmp snmpget
	needs_of_databases
}

# Database drivers of Kamailio, and a server for each, which the tests start in
# folders of their own. MariaDB's package of this name has no service at all.
needs_of_databases()
{
	need kamailio-postgres-modules "$modules/db_postgres.so"
	need kamailio-mysql-modules "$modules/db_mysql.so"
	need kamailio-redis-modules "$modules/db_redis.so"
	need postgresql '/usr/lib/postgresql/*/bin/initdb'
	need mariadb-server-core /usr/sbin/mariadbd
	need_command mariadb-client-core mariadb
	need redis-server /usr/bin/redis-server
}

# What `make bench` looks at a worker's system calls with.
needs_of_bench()
{
	needs_of_test
	need_command strace strace
}

# Every link that makes a service start at boot.
enabled_services()
{
	find "$root"/etc/systemd/system "$root"/etc/rc?.d -type l 2>/dev/null |
		grep -e '\.wants/' -e '\.requires/' -e '/rc[2-5S]\.d/S' |
		sort || true
}

disable_new_services()
{
	enabled_services >"$work/after"
	comm -13 "$work/before" "$work/after" |
		sed -e 's,.*/,,' -e 's,^S[0-9][0-9],,' -e 's,\.service$,,' |
		sort -u | while read -r name; do
		echo "Disabling the service $name, which was just installed"
		unit=$name
		case $unit in
		*.*) ;;
		*) unit=$unit.service ;;
		esac
		if [ -d "$root/run/systemd/system" ]; then
			systemctl disable "$unit" >/dev/null 2>&1 || true
		fi
		# It does nothing unless it is told that a package calls it.
		DPKG_MAINTSCRIPT_PACKAGE=$name deb-systemd-helper disable \
			"$unit" >/dev/null 2>&1 || true
		[ ! -e "$root/etc/init.d/$name" ] ||
			update-rc.d "$name" disable >/dev/null 2>&1 || true
	done
}

# policy-rc.d is asked before a package starts, stops or restarts a service.
forbid_services()
{
	allow_services # if an earlier run was killed
	mkdir -p "${cluster%/*}"
	echo "create_main_cluster = off" >"$cluster"
	[ ! -e "$policy" ] && [ ! -L "$policy" ] || mv "$policy" "$saved"
	printf '#!/bin/sh\n# %s for the time of an installation\nexit 101\n' \
		"$mark" >"$policy"
	chmod 755 "$policy"
}

allow_services()
{
	! grep -qs "$mark" "$policy" || rm -f "$policy"
	[ ! -e "$saved" ] && [ ! -L "$saved" ] || mv "$saved" "$policy"
	rm -f "$cluster"
	# Without PostgreSQL, the folders are ours, too.
	[ -e "$root/etc/postgresql-common/createcluster.conf" ] ||
		rmdir -p "${cluster%/*}" 2>/dev/null || true
}

# Runs at every end, also after Ctrl-C.
restore()
{
	status=$?
	trap '' INT TERM HUP
	allow_services
	disable_new_services
	rm -rf "$work"
	exit "$status"
}

quietly()
{
	"$@" >"$work/log" 2>&1
}

# As root: installs the packages given.
install_packages()
{
	exec 9>"$root/run/parley-deps.lock"
	flock 9
	work=$(mktemp -d)
	enabled_services >"$work/before"
	trap restore EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	export DEBIAN_FRONTEND=noninteractive LC_ALL=C
	options='-y --no-install-recommends --no-remove'
	unreached="no network: Debian's package servers were not reached"

	updated=yes
	echo "Missing: $*"
	quietly apt-get update --error-on=any -o Acquire::Retries=1 \
		-o Acquire::http::Timeout=20 || updated=no
	# shellcheck disable=SC2086 # options are words
	if ! quietly apt-get install -s $options "$@"; then
		[ "$updated" = yes ] || die "$unreached"
		die "apt cannot install them ($(sed -n 's/^E: //p' \
			"$work/log" | tail -n 1))"
	fi
	# Without a network this is found out before anything is announced.
	[ "$updated" = yes ] || quietly apt-get install --download-only \
		$options "$@" || die "$unreached"
	echo "Installing these packages from Debian:"
	sed -n 's/^Inst \([^ ]*\) .*/\1/p' "$work/log" | fmt -w 72 |
		sed 's/^/    /'

	# shellcheck disable=SC2086
	if ! quietly apt-get install --download-only $options "$@"; then
		die "the packages cannot be fetched" \
			"($(sed -n 's/^E: //p' "$work/log" | head -n 1))"
	fi
	forbid_services
	# shellcheck disable=SC2086
	if ! quietly apt-get install $options "$@" 9>&-; then
		tail -n 20 "$work/log" >&2
		die "apt-get install failed"
	fi
	echo "Installed. None of it starts by itself."
}

if [ "${1:-}" = --as-root ]; then
	shift
	install_packages "$@"
	exit 0
fi

missing=
for purpose; do
	case $purpose in
	build | run | test | bench) "needs_of_$purpose" ;;
	*) die "tools/deps.sh build|run|test|bench" ;;
	esac
done
missing=$(echo "$missing" | tr ' ' '\n' | sort -u | xargs)
[ -n "$missing" ] || exit 0

grep -qs '^ID=debian$' "$root/etc/os-release" && command -v apt-get >/dev/null ||
	die "this is not Debian; install by hand: $missing"
if [ "$(id -u)" = 0 ]; then
	# shellcheck disable=SC2086 # package names are words
	exec "$0" --as-root $missing
fi
command -v sudo >/dev/null ||
	die "neither root nor sudo to install: $missing"
[ -t 0 ] || sudo -n true 2>/dev/null ||
	die "neither root nor sudo without a password to install: $missing"
# shellcheck disable=SC2086
exec sudo -- "$0" --as-root $missing
