#!/bin/sh
# Prints the preprocessor flags that a module for the installed Kamailio needs,
# one per line, as a compiler's @file: tools/kamailio-flags.sh [kamailio]
#
# A module carries two texts that Kamailio compares with its own at loading:
# its version and its compile flags. Both are read from the binary, so that the
# module fits the server it was built for, and no other.
set -eu

kamailio=${1:-kamailio}
supported='5\.6\.3'

die()
{
	echo "parley: $*" >&2
	exit 1
}

command -v "$kamailio" >/dev/null ||
	die "$kamailio is not installed: make deps"
version=$("$kamailio" -v | sed -n 's/^version: kamailio \([^ ]*\) .*/\1/p')
system=$("$kamailio" -v | sed -n 's/^version: .* (\([^)]*\)).*/\1/p')
echo "$version" | grep -qx "$supported" ||
	die "kamailio 5.6.3 is needed, $kamailio is ${version:-something else}"
flags=$("$kamailio" -I | sed -n 's/^ *Compile flags: //p' | tr -d ,)
[ -n "$flags" ] || die "$kamailio -I prints no compile flags"
arch=${system%/*}
os=${system#*/}

# The flags that Kamailio prints and compares. Two of them stand for others.
for flag in $flags; do
	case $flag in
	FAST_LOCK-ADAPTIVE_WAIT)
		loops=$("$kamailio" -I |
			sed -n 's/^ *ADAPTIVE_WAIT_LOOPS=//p')
		echo -DFAST_LOCK
		echo -DADAPTIVE_WAIT
		echo "-DADAPTIVE_WAIT_LOOPS=${loops:-1024}"
		;;
	TLS_PTHREAD_MUTEX_SHARED) echo -DKSR_PTHREAD_MUTEX_SHARED ;;
	*) echo "-D$flag" ;;
	esac
done

# What it does not print, but what its headers ask for.
number=$(echo "$version" | awk -F. '{ print $1 * 1000000 + $2 * 1000 + $3 }')
cat <<END
-DNAME="\"kamailio\""
-DVERSION="\"$version\""
-DVERSIONVAL=$number
-DARCH="\"$arch\""
-DOS_QUOTED="\"$os\""
-DOS=${os}_
-D__CPU_$arch
-D__OS_$os
-DMOD_NAME="\"dialog\""
END
for flag in CC_GCC_LIKE_ASM MEM_JOIN_FREE WITH_XAVP STATISTICS MALLOC_STATS \
	USE_CORE_STATS HAVE_GETHOSTBYNAME2 HAVE_UNION_SEMUN HAVE_SCHED_YIELD \
	HAVE_MSG_NOSIGNAL HAVE_MSGHDR_MSG_CONTROL HAVE_ALLOCA_H HAVE_TIMEGM \
	HAVE_SCHED_SETSCHEDULER HAVE_IP_MREQN HAVE_EPOLL HAVE_SIGIO_RT \
	SIGINFO64_WORKARROUND HAVE_SELECT; do
	echo "-D$flag"
done
