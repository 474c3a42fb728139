"""Processes of servers that were started here."""


def gone(pid):
    """Whether the process has ended, whether or not its parent knows."""
    try:
        with open("/proc/%d/stat" % pid) as stat:
            return stat.read().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def below(pid):
    """The processes that @pid has started, and theirs."""
    try:
        with open("/proc/%d/task/%d/children" % (pid, pid)) as found:
            out = [int(child) for child in found.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return out + [deeper for child in out for deeper in below(child)]
