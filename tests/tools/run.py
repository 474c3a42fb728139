#!/usr/bin/python3
"""Tests what surrounds the code: make deps, install and run, the sum of tests.

    PARLEY_BUILD=build tests/tools/run.py [name...]
"""

import contextlib
import glob
import os
import pwd
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))

from report import Report  # noqa: E402

BUILD = os.path.abspath(os.environ.get("PARLEY_BUILD", "build"))
MODULES = ("dialog.so", "ims_dialog.so", "dialog_ng.so")
HEADER = "include/parley_api.h"  # here as well as where it is installed
SQL = "hosts/kamailio/sql"
SQL_FILES = sorted(f"{kind}/{name}" for kind in os.listdir(f"{ROOT}/{SQL}")
                   for name in os.listdir(f"{ROOT}/{SQL}/{kind}"))
COMMAND_SECONDS = 600


class Fault(Exception):
    """A test that did not find what it must."""


class Skip(Exception):
    """A test that does not apply here; the text says why."""


def expect(condition, what):
    if not condition:
        raise Fault(what)


def run(command, **env):
    """Gives (status, output) of a command run in the repository."""
    done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, **env), check=False, text=True,
                          timeout=COMMAND_SECONDS)
    return done.returncode, done.stdout


# ------------------------------------------------------------ make install

def install(folder, moddir, *files):
    return run(["tools/install.sh", "install", moddir,
                *(files or [os.path.join(BUILD, name)
                            for name in MODULES] + [HEADER] +
                  [f"{SQL}/{name}" for name in SQL_FILES])],
               DESTDIR=folder)


def uninstall(folder, moddir):
    return run(["tools/install.sh", "uninstall", moddir], DESTDIR=folder)


def test_install_and_uninstall(folder):
    status, output = install(folder, "/lib/parley")
    expect(status == 0, output)
    for name in MODULES:
        expect(f'loadmodule "/lib/parley/{name}"' in output, output)
        expect(os.path.exists(f"{folder}/lib/parley/{name}"), name)
    expect("-I/lib/parley/include\n" in output, output)
    expect(os.path.exists(f"{folder}/lib/parley/{HEADER}"), HEADER)
    for name in SQL_FILES:
        expect(os.path.exists(f"{folder}/lib/parley/sql/{name}"), name)
    status, output = install(folder, "/lib/parley")
    expect(status == 0, "again: " + output)
    status, output = uninstall(folder, "/lib/parley")
    expect(status == 0, output)
    expect(os.listdir(folder) == [], f"left: {os.listdir(folder)}")
    status, output = uninstall(folder, "/lib/parley")
    expect(status != 0 and output.count("\n") == 1, "twice: " + output)


def test_install_makes_a_folder_for_the_journal(folder):
    """Root's does, for the user kamailio; what is in it by then stays."""
    state = f"{folder}/var/lib/kamailio"
    status, output = install(folder, "/lib/parley")
    expect(status == 0, output)
    try:
        user = pwd.getpwnam("kamailio")
    except KeyError:
        user = None
    if os.geteuid() != 0 or not user:
        expect(not os.path.exists(state) and "/var/lib/kamailio" in output,
               output)
        return
    found = os.stat(state)
    expect((found.st_uid, found.st_gid, found.st_mode & 0o777) ==
           (user.pw_uid, user.pw_gid, 0o750), f"{found}")
    with open(f"{state}/kept", "w", encoding="ascii"):
        pass
    expect(uninstall(folder, "/lib/parley")[0] == 0, "uninstall")
    expect(os.listdir(state) == ["kept"], "what was in it is gone")


def test_install_leaves_other_files(folder):
    os.makedirs(f"{folder}/lib/parley")
    with open(f"{folder}/lib/parley/mine.so", "w", encoding="ascii") as file:
        file.write("mine")
    expect(install(folder, "/lib/parley")[0] == 0, "install")
    with open(f"{folder}/lib/parley/dialog.so", "a", encoding="ascii") as file:
        file.write("changed")
    status, output = install(folder, "/lib/parley")
    expect(status != 0 and "is not ours" in output, output)
    status, output = uninstall(folder, "/lib/parley")
    expect(status == 0 and "kept: dialog.so" in output, output)
    left = sorted(os.listdir(f"{folder}/lib/parley"))
    expect(left == ["dialog.so", "mine.so"], f"left: {left}")


def test_install_leaves_other_headers(folder):
    os.makedirs(f"{folder}/lib/parley/include")
    mine = f"{folder}/lib/parley/include/mine.h"
    with open(mine, "w", encoding="ascii") as file:
        file.write("mine")
    for _ in range(2):
        expect(install(folder, "/lib/parley")[0] == 0, "install")
    status, output = uninstall(folder, "/lib/parley")
    expect(status == 0, output)
    left = os.listdir(f"{folder}/lib/parley/include")
    expect(left == ["mine.h"], f"left: {left}")
    with open(f"{folder}/lib/parley/{HEADER}", "w", encoding="ascii") as file:
        file.write("somebody else's")
    status, output = install(folder, "/lib/parley")
    expect(status != 0 and f"{HEADER} is not ours" in output, output)


def test_install_adds_a_header_to_an_older_installation(folder):
    modules = [os.path.join(BUILD, name) for name in MODULES]
    expect(install(folder, "/lib/parley", *modules)[0] == 0, "older")
    expect(not os.path.exists(f"{folder}/lib/parley/include"), "a folder")
    expect(install(folder, "/lib/parley")[0] == 0, "newer")
    expect(os.path.exists(f"{folder}/lib/parley/{HEADER}"), HEADER)
    expect(uninstall(folder, "/lib/parley")[0] == 0, "uninstall")
    expect(os.listdir(folder) == [], f"left: {os.listdir(folder)}")


def test_install_never_over_packaged_modules(folder):
    os.makedirs(f"{folder}/modules")
    with open(f"{folder}/modules/tm.so", "w", encoding="ascii") as file:
        file.write("packaged")
    status, output = install(folder, "/modules")
    expect(status != 0 and "packaged modules" in output, output)
    expect(os.listdir(f"{folder}/modules") == ["tm.so"], "something was done")


def test_install_wants_an_absolute_folder(folder):
    status, output = install(folder, "modules")
    expect(status != 0 and "absolute" in output, output)


def test_default_folder_is_beside_the_packaged_modules(folder):
    status, output = run(["make", "-s", "install", f"DESTDIR={folder}",
                          f"BUILD={BUILD}"])
    expect(status == 0, output)
    found = re.search(r'loadmodule "(.*)/parley/dialog.so"', output)
    expect(found and os.path.exists(found.group(1) + "/modules/tm.so"), output)
    header = f"{folder}{found.group(1)}/parley/{HEADER}"
    expect(os.path.exists(header), header)
    status, output = run(["make", "-s", "uninstall", f"DESTDIR={folder}",
                          f"BUILD={BUILD}"])
    expect(status == 0 and os.listdir(folder) == [], output)


# ---------------------------------------------------------------- examples

def test_engine_alone(folder):
    """examples/engine is linked with nothing but the engine."""
    program = f"{folder}/one-call"
    for compiler in ("gcc", "clang"):
        status, output = run([compiler, "-std=c17", "-Wall", "-Wextra",
                              "-Wpedantic", "-Werror", "-Iinclude",
                              "-o", program, "examples/engine/one-call.c",
                              f"{BUILD}/libparley.a"])
        expect(status == 0, output)
        status, output = run([program])
        expect(status == 0 and output == "INVITE: 0 -> 1\n180: 1 -> 2\n"
               "200: 2 -> 3\nACK: 3 -> 4\na minute later: 4 -> 4, "
               "send BYE to bob, send BYE to alice\n", output)


# ------------------------------------------------------------------- tools

def test_nothing_missing_calls_no_package_tool(folder):
    called = f"{folder}/called"
    for name in ("apt-get", "sudo", "dpkg"):
        with open(f"{folder}/{name}", "w", encoding="ascii") as file:
            file.write(f"#!/bin/sh\ntouch {called}\nexit 1\n")
        os.chmod(f"{folder}/{name}", 0o755)
    status, output = run(["tools/deps.sh", "build", "run", "test"],
                         PATH=folder + ":" + os.environ["PATH"])
    expect(status == 0 and output == "", output)
    expect(not os.path.exists(called), "a package tool was called")


# A machine in a folder. Its apt-get does what packages of servers do; $THEN is
# how it ends. Each tool does what it does where no systemd runs.
FAKES = {
    "id": "echo ${ID:-0}",
    "apt-get": r"""
        cd "$PARLEY_ROOT"
        echo "$*" >>apt-calls
        case "$*" in
        update*) exit ${OFFLINE:-0} ;;
        "install -s"*) echo "Inst redis-server (5:7 [amd64])"; exit 0 ;;
        *--download-only*) exit ${OFFLINE:-0} ;;
        esac
        cp output said-before
        usr/sbin/policy-rc.d redis-server start
        echo $? >policy-said
        cp etc/postgresql-common/createcluster.d/*.conf cluster
        mkdir -p etc/systemd/system/timers.target.wants
        for link in redis.service multi-user.target.wants/redis-server.service \
            timers.target.wants/redis-save.timer; do
            ln -s /lib/systemd/system/x "etc/systemd/system/$link"
        done
        for name in redis-server postgresql; do
            ln -s ../init.d/$name etc/rc3.d/S01$name
            touch etc/init.d/$name
        done
        eval "${THEN:-true}" """,
    "deb-systemd-helper": r"""
        [ "$DPKG_MAINTSCRIPT_PACKAGE" ] || exit 0
        cd "$PARLEY_ROOT/etc/systemd/system"
        rm -f */"$2"
        [ "$2" != redis-server.service ] || rm -f redis.service""",
    "update-rc.d": r"""
        cd "$PARLEY_ROOT/etc/rc3.d"
        [ ! -L "S01$1" ] || mv "S01$1" "K01$1" """,
    "systemctl": "touch $PARLEY_ROOT/systemctl-called",
}
POLICY = b"#!/bin/sh\n# the administrator's\nexit 104"


def put(path, text=b"", mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(text)
    os.chmod(path, mode)


def make_machine(folder, system="debian"):
    put(f"{folder}/etc/os-release", f"ID={system}\n".encode())
    for path in ("run/lock", "etc/init.d/cron", "usr/sbin/nologin"):
        put(f"{folder}/{path}")
    for link in ("etc/rc3.d/S01cron", "etc/systemd/system/"
                 "multi-user.target.wants/cron.service"):
        os.makedirs(os.path.dirname(f"{folder}/{link}"), exist_ok=True)
        os.symlink("x", f"{folder}/{link}")
    for name, text in FAKES.items():
        put(f"{folder}/bin/{name}", b"#!/bin/sh\n" + text.encode(), 0o755)


def deps(folder, *words, **env):
    """Gives (status, output) of tools/deps.sh on that machine."""
    with open(f"{folder}/output", "w", encoding="utf-8") as output:
        done = subprocess.run(
            ["tools/deps.sh", *words], cwd=ROOT, stdin=subprocess.DEVNULL,
            stdout=output, stderr=subprocess.STDOUT, check=False,
            timeout=COMMAND_SECONDS, env={
                "PARLEY_ROOT": folder, **env,
                "PATH": env.get("PATH", f"{folder}/bin:/usr/bin:/bin")})
    with open(f"{folder}/output", encoding="utf-8") as output:
        return done.returncode, output.read()


def links(folder):
    return sorted(os.path.relpath(os.path.join(path, name), f"{folder}/etc")
                  for path, _, names in os.walk(f"{folder}/etc")
                  for name in names
                  if os.path.islink(os.path.join(path, name)))


def expect_as_before(folder, policy):
    """No service is enabled, policy-rc.d is the administrator's or none."""
    left = [name for name in links(folder) if "/K01" not in name]
    expect(left == ["rc3.d/S01cron", "systemd/system/multi-user.target.wants/"
                    "cron.service"], f"links: {left}")
    found = sorted(os.listdir(f"{folder}/usr/sbin"))
    expect(found == ["nologin"] + ["policy-rc.d"] * bool(policy),
           f"left: {found}")
    if policy:
        with open(f"{folder}/usr/sbin/policy-rc.d", "rb") as file:
            expect(file.read() == policy, "policy-rc.d differs")
        mode = os.stat(f"{folder}/usr/sbin/policy-rc.d").st_mode & 0o777
        expect(mode == 0o750, f"mode of policy-rc.d: {mode:o}")
    expect(not os.path.exists(f"{folder}/etc/postgresql-common"),
           "a setting of PostgreSQL is left")
    expect(not os.path.exists(f"{folder}/systemctl-called"),
           "systemctl was called where no systemd runs")


def test_deps_start_and_enable_nothing(folder):
    """Also if the installation fails, or somebody interrupts it."""
    for number, (policy, then, wanted) in enumerate((
            (b"", "true", 0), (POLICY, "true", 0), (POLICY, "exit 100", 1),
            (b"", "kill -INT $PPID", 130), (POLICY, "kill -TERM $PPID", 143))):
        machine = f"{folder}/{number}"
        make_machine(machine)
        if policy:
            put(f"{machine}/usr/sbin/policy-rc.d", policy, 0o750)
        status, output = deps(machine, "--as-root", "redis-server",
                              "postgresql", THEN=then)
        expect(status == wanted, f"{then}: status {status}: {output}")
        for name, content in (("policy-said", "101\n"),
                              ("cluster", "create_main_cluster = off\n")):
            with open(f"{machine}/{name}", encoding="ascii") as file:
                expect(file.read() == content, f"{then}: {name}")
        with open(f"{machine}/said-before", encoding="utf-8") as file:
            said = file.read()
        expect("Debian:\n    redis-server\n" in said, "announced: " + said)
        for name in ("redis-server", "postgresql", "redis-save.timer"):
            expect(f"Disabling the service {name}," in output, output)
        expect_as_before(machine, policy)


def test_deps_without_network(folder):
    make_machine(folder)
    status, output = deps(folder, "--as-root", "gcc", OFFLINE="100")
    expect(status == 1 and output == "Missing: gcc\nparley: no network: "
           "Debian's package servers were not reached\n", output)
    with open(f"{folder}/apt-calls", encoding="utf-8") as calls:
        expect(all(re.search("^update|^install -s|--download-only", line)
                   for line in calls), "something was installed")
    expect_as_before(folder, b"")


def test_deps_name_what_is_missing(folder):
    """To who cannot install, and how little `make run` wants."""
    tools = f"{folder}/tools"
    os.mkdir(tools)
    for name in ("sh", "tr", "sort", "xargs", "grep", "echo"):
        os.symlink(shutil.which(name), f"{tools}/{name}")
    for system, why in (("debian", "neither root nor sudo to install: "),
                        ("fedora", "this is not Debian; install by hand: ")):
        machine = f"{folder}/{system}"
        make_machine(machine, system)
        found = {}
        for purpose in ("run", "test"):
            status, output = deps(machine, purpose, ID="1000",
                                  PATH=f"{machine}/bin:{tools}")
            expect(status == 1 and output.startswith("parley: " + why) and
                   output.count("\n") == 1, output)
            found[purpose] = set(output.partition(why)[2].split())
        servers = {"postgresql", "mariadb-server-core", "redis-server"}
        expect(servers < found["test"] and found["run"] < found["test"],
               found["test"])
        expect(found["run"] <= {
            "binutils", "curl", "gcc", "kamailio", "kamailio-sqlite-modules",
            "libc6-dev", "make", "python3", "sip-tester", "xz-utils"},
               found["run"])


def test_user_without_path_to_the_server(folder):
    """Debian's users have none; the server is in /usr/sbin."""
    if not os.access("/usr/sbin/kamailio", os.X_OK):
        raise Skip("there is no packaged Kamailio")
    env = {"PATH": "/usr/bin:/bin"}
    status, output = run(["tools/deps.sh", "build"], **env)
    expect(status == 0 and output == "", output)
    status, output = run(["make", "-s", "install", f"DESTDIR={folder}",
                          f"BUILD={BUILD}"], **env)
    expect(status == 0 and "/parley/dialog.so" in output, output)


def test_no_compiler_is_one_clear_line(folder):
    status, output = run(["make", "-s", "CC=no-such-cc -m64",
                          f"BUILD={folder}"])
    said = [line for line in output.splitlines()
            if not line.startswith("make")]
    expect(status != 0 and said == [
        "parley: no-such-cc is not installed: make deps"], output)


def test_wrong_kamailio_is_one_clear_line(folder):
    fake = f"{folder}/kamailio"
    with open(fake, "w", encoding="ascii") as file:
        file.write("#!/bin/sh\nkamailio \"$@\" | sed 's/5\\.6\\.3/6.0.1/'\n")
    os.chmod(fake, 0o755)
    status, output = run(["tools/kamailio-flags.sh", fake])
    expect(status != 0 and output.count("\n") == 1, output)
    expect("5.6.3" in output and "6.0.1" in output, output)
    status, output = run(["tools/kamailio-flags.sh", f"{folder}/none"])
    expect(status != 0 and output.count("\n") == 1, output)


def test_sum_of_the_tests(folder):
    """test.py counts results, silent levels and levels that crash."""
    with open(f"{folder}/Makefile", "w", encoding="ascii") as file:
        file.write("good:\n\t@echo 'ok a'; echo 'ok b'; echo 'skip c: why'\n"
                   "bad:\n\t@echo 'ok d'; echo 'not ok e: why'; exit 1\n"
                   "silent:\n\t@echo nothing\n"
                   "crash:\n\t@echo 'ok f'; kill -SEGV $$$$\n")
    def total(*levels):
        done = subprocess.run(
            [f"{ROOT}/tools/test.py", "build", *levels], cwd=folder,
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False,
            stderr=subprocess.DEVNULL, text=True, timeout=COMMAND_SECONDS)
        return done.returncode, done.stdout.splitlines()[-1]
    expect(total("good") == (0, "2 passed, 0 failed, 1 skipped"), "good")
    expect(total("good", "bad") == (1, "3 passed, 1 failed, 1 skipped"), "bad")
    expect(total("silent") == (1, "0 passed, 1 failed, 0 skipped"), "silent")
    expect(total("crash") == (1, "1 passed, 1 failed, 0 skipped"), "crash")
    expect(total("none") == (1, "0 passed, 1 failed, 0 skipped"), "none")


# ---------------------------------------------------------------- make run

def running_under(folder):
    """Ids of processes whose command line names @folder."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                with open(f"/proc/{name}/cmdline", "rb") as file:
                    if folder.encode() in file.read():
                        found.append(int(name))
    return found


def await_end(pids, seconds):
    """Waits until these processes, which need not be children, have ended."""
    deadline = time.monotonic() + seconds
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            fd = os.pidfd_open(pid)
            try:
                select.select([fd], [], [],
                              max(deadline - time.monotonic(), 0))
            finally:
                os.close(fd)


def watch_run(folder, until, ending):
    """Starts `make run`, waits for a line that @until accepts, ends it with
    the signal @ending; gives all output."""
    child = subprocess.Popen(
        [sys.executable, "tools/run.py", "--build", BUILD, "--seconds", "90"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, TMPDIR=folder))
    lines, met = [], False
    try:
        for line in child.stdout:
            lines.append(line)
            if not met and until(line):
                met = True
                child.send_signal(ending)
        status = child.wait(COMMAND_SECONDS)
    finally:
        if child.poll() is None:
            child.terminate()
            child.wait()
    text = "".join(lines)
    expect(met, "never seen:\n" + text[-3000:])
    expect(status == 0, f"status {status}:\n" + text[-3000:])
    await_end(running_under(folder), 30)
    expect(not running_under(folder), "processes left behind")
    expect(os.listdir(folder) == [], "files left behind")
    return text


def test_run_shows_calls_of_every_fate(folder):
    def every_fate(line):
        counts = dict(re.findall(r"(answered|ended|failed|limit) ([0-9]+)",
                                 line.partition("|")[2]))
        return len(counts) == 4 and all(int(n) > 0 for n in counts.values())

    text = watch_run(folder, every_fate, signal.SIGINT)
    expect("no answer" not in text, text[-3000:])
    expect(not re.search(r"frank ([3-9]|\d\d)", text), "the limit was passed")
    for hint in ("sip:127.0.0.1:", "kamcmd -s ", "curl -s http://127.0.0.1:"):
        expect(hint in text, f"no {hint}")


def test_run_ends_at_sigterm(folder):
    watch_run(folder, lambda line: "talking" in line, signal.SIGTERM)


def test_run_refuses_a_foreign_address(_folder):
    for address in ("192.0.2.5", "0.0.0.0", "example"):
        status, output = run(["tools/run.py", "--build", BUILD, "--listen",
                              address, "--seconds", "1"])
        expect(status != 0 and address in output, output)


# --------------------------------------------------- servers of the tests

def interrupt_case(folder, ending):
    """Starts an end-to-end case that has a database server, and ends the run
    with the signal @ending once the server and Kamailio are there."""
    child = subprocess.Popen(
        [sys.executable, "tests/e2e/run.py", "--build", BUILD,
         "db_stock.restart_postgres"],
        cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
        env=dict(os.environ, TMPDIR=folder))
    try:
        # Two log files: both servers have begun.
        while child.poll() is None and len(glob.glob(
                f"{folder}/*/postgres/log") + glob.glob(
                    f"{folder}/*/kamailio.cfg")) < 2:
            time.sleep(0.02)
        child.send_signal(ending)
        return child.communicate(timeout=COMMAND_SECONDS)[0]
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def expect_only_ports(folder):
    left = [name for name in os.listdir(folder) if name != "server"]
    expect(left == [f"parley-ports-{os.getuid()}"], f"left: {left}")


def test_interrupted_start_leaves_no_server(folder):
    """The signal comes when the server runs, and nobody knows it yet."""
    put(f"{folder}/server", b"#!/bin/sh\nsleep 600 & wait\n", 0o755)
    code = """if True:
        import signal, subprocess, sys
        sys.path.insert(0, "tests/e2e")
        from lib import proxy
        class Told(subprocess.Popen):
            def __init__(self, *words, **options):
                super().__init__(*words, **options)
                print("begun", flush=True)
                signal.raise_signal(signal.SIGINT)
        subprocess.Popen = Told
        proxy.Proxy().start()"""
    status, output = run([sys.executable, "-c", code],
                         TMPDIR=folder, KAMAILIO=f"{folder}/server")
    expect(status != 0 and output.startswith("begun\n"), output)
    await_end(running_under(folder), 10)
    expect(not running_under(folder), "processes left behind")
    expect_only_ports(folder)


def test_interrupted_cases_leave_no_server(folder):
    os.chmod(folder, 0o755)  # a database server has another user
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        output = interrupt_case(folder, ending)
        if output.startswith("skip "):
            raise Skip(output.partition(": ")[2].split("\n")[0])
        expect(not output.startswith("ok "), "it was too late: " + output)
        await_end(running_under(folder), 60)
        expect(not running_under(folder), f"{ending!r}: processes left behind")
        if ending != signal.SIGKILL:
            expect_only_ports(folder)


def main():
    report = Report("tools")
    tests = {name[5:]: function for name, function in globals().items()
             if name.startswith("test_")}
    for name in sys.argv[1:] or tests:
        folder = tempfile.mkdtemp(prefix="parley-tools-")
        try:
            tests[name](folder)
            report.ok(name)
        except Skip as reason:
            report.skip(name, reason)
        except (Fault, OSError, subprocess.SubprocessError) as fault:
            first, _, rest = str(fault).partition("\n")
            report.fail(name, first, rest)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    report.exit()


if __name__ == "__main__":
    main()
