"""What a hostile run tries, as data. A probe says BROKE when it reached what it must not reach.

Everything bounded; each runs as one task of one attempt, with these names in its environment: ESTATE (a home with
keys, a database's socket, up.json), SITE (the engine's folder), OWN (the run's folder), VICTIM
(another organisation's run that goes on), VPID and SUPERVISOR (pids of its shell and of its
supervisor), AGENT (the pid of whoever drives the engine), ENVIRONMENT (what the other
organisation installed), CACHE (its downloads). Nothing here harms the machine: signals are 0,
forks, memory and files are bounded.
"""

from collections.abc import Collection
from typing import Final, NamedTuple

HEAD: Final = r"""
broke() { echo "BROKE $*"; }
reads() { for p; do [ -n "$(head -c 64 -- "$p" 2>/dev/null | tr -d '\0')" ] && broke "read $p"; done; }
lists() { for p; do [ -n "$(ls -A -- "$p" 2>/dev/null)" ] && broke "listed $p"; done; }
writes() { for p; do { : >> "$p"; } 2>/dev/null && broke "wrote $p"; done; }
makes() { for p; do mkdir -- "$p/planted" 2>/dev/null && broke "made $p/planted"; done; }
works() { "$@" >/dev/null 2>&1 && broke "$*"; }
signals() { for p; do kill -0 "$p" 2>/dev/null && broke "signalled $p"; done; }
py() { python3 -I -c "import ctypes, os, socket, sys
libc = ctypes.CDLL(None, use_errno=True)
def broke(*said): print('BROKE', *said)
$1" 2>/dev/null; }
"""


class Probe(NamedTuple):
    """`must_not` ends the sentence "a run must not"; `script` is bash, behind HEAD."""

    must_not: str
    script: str


FILES: Final = [
    Probe("read the pepper of API keys", 'reads "$ESTATE/keys/pepper"'),
    Probe("read the key that signs receipts", 'reads "$ESTATE/keys/signing.pem"'),
    Probe("read the administrator's key", 'reads "$ESTATE/keys/administrator"'),
    Probe("list the keys", 'lists "$ESTATE/keys"'),
    Probe("list the home", 'ls -A "$ESTATE" 2>/dev/null | grep -qx keys && broke listed; true'),
    Probe("read up.json, which has a password", 'reads "$ESTATE/up.json"'),
    Probe("read the agent's key", 'reads "$ESTATE/agent.key"'),
    Probe("write into the home", 'writes "$ESTATE/planted"; makes "$ESTATE" "$ESTATE/keys"'),
    Probe("replace a key", 'writes "$ESTATE/keys/pepper" "$ESTATE/agent.key"'),
    Probe("reach the database's socket", """py '
s = socket.socket(socket.AF_UNIX); s.connect(os.environ["ESTATE"] + "/sockets/.s.PGSQL.5432")
broke("connected")'"""),
    Probe("list the folder of sockets", 'lists "$ESTATE/sockets"'),
    Probe("read another run's order", 'reads "$VICTIM/order.json"'),
    Probe("read another run's state", 'reads "$VICTIM/state.json"'),
    Probe("read another run's log", 'reads "$VICTIM/logs/0.log"'),
    Probe("read another run's files", 'reads "$VICTIM/slot/work/private"'),
    Probe("list another run's folders", 'lists "$VICTIM/slot/work" "$VICTIM/slot/home" "$VICTIM/slot/tmp"'),
    Probe("read another run's outputs", 'reads "$VICTIM/slot/output/0/result"; lists "$VICTIM/slot/output/0"'),
    Probe("write into another run", 'writes "$VICTIM/slot/work/planted" "$VICTIM/slot/output/0/planted"'),
    Probe("stop another run by its stop.json", 'writes "$VICTIM/stop.json"'),
    Probe("forge another run's state", 'writes "$VICTIM/state.json" "$VICTIM/lease.json"'),
    Probe("remove another run's files", 'works mv "$VICTIM/slot/work/spare" "$VICTIM/slot/work/gone"'),
    Probe("see what runs at the site", 'lists "$SITE/staging" "$SITE/trash" "$SITE/forgotten"; '
          'ls "$SITE/runs" 2>/dev/null | grep -qx "${VICTIM##*/}" && broke "saw a run"; true'),
    Probe("read /etc/shadow", "reads /etc/shadow /etc/gshadow"),
    Probe("read root's home", "lists /root; reads /root/.ssh/id_ed25519 /root/.netrc"),
    Probe("write into the system", "writes /etc/planted /usr/bin/planted /usr/local/bin/planted /opt/planted"),
    Probe("write into the services' folders", "writes /etc/cron.d/planted /run/planted /var/lib/planted /boot/planted"),
]  # fmt: skip

OWN_RECORD: Final = [
    Probe("read its own order, which names the plan", 'reads "$OWN/order.json"'),
    Probe("rewrite its own order", 'writes "$OWN/order.json"'),
    Probe("write its own state, and so its exit status", 'writes "$OWN/state.json"'),
    Probe("write its own meter", 'writes "$OWN/meter.json" "$OWN/usage.json" "$OWN/.state.json.1"'),
    Probe("replace its state by a rename", 'f=$(mktemp); works mv -f "$f" "$OWN/state.json"'),
    Probe("take its supervisor's claim", 'writes "$OWN/supervisor.json" "$OWN/.claim.1.1"'),
    Probe("lengthen its lease", 'writes "$OWN/lease.json"'),
    Probe("rewrite its own log", 'writes "$OWN/logs/0.log" "$OWN/supervisor.log"'),
    Probe("make files beside its record", 'makes "$OWN" "$OWN/logs"'),
    Probe("exchange its output folder", 'works mv "$OWN/slot/output" "$OWN/slot/away"; makes "$OWN/slot/output"'),
    Probe("rename its work folder away", 'works mv "$OWN/slot/work" "$OWN/slot/away"'),
    Probe("write into the outputs of the task before", 'writes "$OWN/slot/output/0/planted"'),
    Probe("remove its run's folder", 'rm -rf "$OWN" 2>/dev/null; [ -e "$OWN/slot/work" ] || broke removed'),
    Probe("remove its site's folder of runs", 'works rmdir "$SITE/trash"; works mv "$SITE/forgotten" "$SITE/x"'),
    Probe("forget attempts, so that one could run twice", 'writes "$SITE/forgotten/00000000-0000-0000-0000-000000000001"'),
    Probe("plant a run", 'makes "$SITE/runs" "$SITE/staging"'),
    Probe("plant a tool", 'writes "$SITE/tools/planted"; for t in "$SITE"/tools/*/uv; do writes "$t"; done'),
]  # fmt: skip

PROCESSES: Final = [
    Probe("read another process's environment", """for pid in "$VPID" "$SUPERVISOR" "$AGENT"; do
      [ -r /proc/$pid/environ ] && [ "$(stat -c %s /proc/$pid/environ 2>/dev/null)" ] &&
      tr '\\0' '\\n' 2>/dev/null </proc/$pid/environ | grep -q . && broke "environ $pid"; done"""),
    Probe("read other processes' command lines", """for pid in "$VPID" "$SUPERVISOR" "$AGENT"; do
      [ -n "$(tr -d '\\0' 2>/dev/null </proc/$pid/cmdline)" ] && broke "cmdline $pid"; done"""),
    Probe("find another run's secret anywhere in /proc", """for f in /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do
      case $f in /proc/$$/*) ;; *) grep -aq "secret-of-""others" $f 2>/dev/null && broke $f;; esac; done"""),
    Probe("see past its own /proc", """works unshare -rm sh -c 'umount /proc; umount -l /proc; test -s /proc/$VPID/cmdline'
"""),
    Probe("list another process's descriptors", """for pid in "$VPID" "$SUPERVISOR" "$AGENT"; do
      lists /proc/$pid/fd /proc/$pid/map_files; done"""),
    Probe("read through another process's folders", 'for pid in "$VPID" "$SUPERVISOR" "$AGENT"; do lists /proc/$pid/cwd/; '
          'reads /proc/$pid/root/etc/shadow; done'),
    Probe("read another process's memory", """py '
for name in ("VPID", "SUPERVISOR", "AGENT"):
    try: os.open("/proc/" + os.environ[name] + "/mem", os.O_RDONLY); broke("opened", name)
    except OSError: pass'"""),
    Probe("trace another process", """py '
for name in ("VPID", "SUPERVISOR", "AGENT"):
    if libc.ptrace(16902, int(os.environ[name]), 0, 0) == 0: broke("traced", name)'"""),
    Probe("copy another process's memory", """py '
class V(ctypes.Structure): _fields_ = [("b", ctypes.c_void_p), ("n", ctypes.c_size_t)]
for name in ("VPID", "SUPERVISOR"):
    there = open("/proc/" + os.environ[name] + "/maps").readline().split("-")[0]
    b = ctypes.create_string_buffer(8)
    if libc.process_vm_readv(int(os.environ[name]), ctypes.byref(V(ctypes.addressof(b), 8)), 1,
        ctypes.byref(V(int(there, 16), 8)), 1, 0) > 0: broke("copied", name)'"""),
    Probe("signal the agent", 'signals "$AGENT"'),
    Probe("signal its supervisor", 'signals "$SUPERVISOR"; [ "$PPID" -le 1 ] || signals "$PPID"'),
    Probe("signal another run", 'signals "$VPID"'),
    Probe("signal process 1 of the machine", """py '
if open("/proc/1/comm").read() != "bwrap\\n": os.kill(1, 0); broke("signalled 1")'"""),
    Probe("hold a pidfd of another process and take its files", """py '
for name in ("VPID", "SUPERVISOR", "AGENT"):
    fd = os.pidfd_open(int(os.environ[name]))
    if libc.syscall(438, fd, 1, 0) >= 0: broke("took a file of", name)'"""),
    Probe("raise another's limits", """py '
import resource
for name in ("VPID", "SUPERVISOR"):
    try: resource.prlimit(int(os.environ[name]), resource.RLIMIT_NOFILE, (64, 64)); broke(name)
    except OSError: pass'"""),
    Probe("inherit descriptors of the supervisor", """py '
for fd in range(3, 256):
    try: kind = os.readlink(f"/proc/self/fd/{fd}")
    except OSError: continue
    if "/proc/" not in kind and "memfd" not in kind: broke("inherited", fd, kind)'"""),
    Probe("outlive its task", '(setsid nohup sleep 297 >/dev/null 2>&1 &) ; sleep 0.05'),
    Probe("outlive its task by two forks", """py '
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(1); os.close(2)
        import time; time.sleep(297)
    os._exit(0)'"""),
    Probe("find what a task before it has left running", 'for f in /proc/[0-9]*/cmdline; do '
          'grep -aq "^sleep.297" $f 2>/dev/null && broke $f; done; true'),
    Probe("leave its session or its limits behind", """py '
import resource
soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
try: resource.setrlimit(resource.RLIMIT_NOFILE, (hard + 1, hard + 1)); broke("raised")
except (ValueError, OSError): pass'"""),
]  # fmt: skip

PRIVILEGE: Final = [
    Probe("become root", "py 'os.setuid(0); broke(os.getuid())'"),
    Probe("take another run's user id", "py 'os.setresuid(os.getuid() + 1, os.getuid() + 1, os.getuid() + 1); broke(1)'"),
    Probe("take groups", "py 'os.setgroups([0, 4, 6]); broke(1)'"),
    Probe("gain by a setuid program", "works timeout 2 su -c id; works sudo -n id; works mount /mnt; "
          "[ \"$(grep NoNewPrivs /proc/self/status | tr -dc 0-9)\" = 1 ] || broke may-gain"),
    Probe("hold capabilities", """[ -z "$(grep -E 'Cap(Eff|Prm|Amb)' /proc/self/status | grep -v 0000000000000000)" ] || broke capable"""),
    Probe("mount", 'mkdir -p "$TMPDIR/m"; works mount -t tmpfs none "$TMPDIR/m"'),
    Probe("remount what is read-only", "works mount -o remount,rw /; works mount -o remount,rw /usr"),
    Probe("gain capabilities over the machine by a user namespace", """works unshare -rm sh -c "mount --bind $ESTATE /mnt && ls /mnt/keys | grep pepper"
"""),
    Probe("read the estate from a namespace of its own", 'works unshare -r cat "$ESTATE/keys/pepper"'),
    Probe("enter another process's namespaces", 'for p in 1 "$VPID" "$SUPERVISOR"; do works nsenter -t "$p" -m -p true; done'),
    Probe("change its root", "py 'os.chroot(os.environ[\"TMPDIR\"]); broke(1)'"),
    Probe("make device files", 'works mknod "$TMPDIR/sda" b 8 0; works mknod "$TMPDIR/mem" c 1 1'),
    Probe("read the machine's disks", 'for d in /dev/vda /dev/sda /dev/nvme0n1 /dev/mem /dev/kmem /dev/port; do '
          '[ -r "$d" ] && broke "may read $d"; done; true'),
    Probe("read the kernel's log", "works dmesg; reads /dev/kmsg"),
    Probe("load a module", "works modprobe dummy; [ -w /proc/sys/kernel/modprobe ] && broke modprobe; true"),
    Probe("change the kernel's settings", "for f in /proc/sys/kernel/core_pattern /proc/sys/kernel/hostname "
          "/proc/sysrq-trigger /sys/kernel/mm/ksm/run; do [ -w $f ] && broke \"may write $f\"; done; true"),
    Probe("name the host or set its clock", "works hostname planted; works date -s '2001-01-01'"),
    Probe("use the keys of the agent's session", """py '
if libc.syscall(250, 10, -3, b"user", b"mains-canary", 0) > 0: broke("found")
b = ctypes.create_string_buffer(4096)
if libc.syscall(250, 11, -3, b, 4096) > 0 and any(b.raw): broke("session has keys")'"""),
    Probe("find keys that the uid's last run left", """py '
rings = (-4, -5, libc.syscall(250, 22, os.getuid(), -2))
if any(libc.syscall(250, 10, ring, b"user", b"mains-left", 0) > 0 for ring in rings):
    broke("found")
for ring in rings: libc.syscall(248, b"user", b"mains-left", b"x", 1, ring)'"""),
    Probe("use bpf or performance counters of others", """py '
import struct
if libc.syscall(321, 0, struct.pack("IIII", 1, 4, 4, 1), 16) >= 0: broke("bpf")
if libc.syscall(298, struct.pack("II", 0, 120) + bytes(112), int(os.environ["AGENT"]), -1, -1, 0) >= 0: broke("perf")'"""),
    Probe("reboot", "py 'print(libc.reboot(0) == 0 and broke(1))'"),
]  # fmt: skip

GROUPS: Final = [
    Probe("leave its control groups", "for f in /sys/fs/cgroup/*/cgroup.procs /sys/fs/cgroup/cgroup.procs "
          "/sys/fs/cgroup/*/mains/cgroup.procs; do { echo $$ > $f; } 2>/dev/null && broke $f; done; true"),
    Probe("lift its limits", "for f in $(find /sys/fs/cgroup -maxdepth 4 -path '*mains*' \\( -name memory.max "
          "-o -name 'memory.limit_in_bytes' -o -name cpu.max -o -name pids.max \\) 2>/dev/null | head -40); do "
          "[ -w $f ] && broke $f; done; true"),
    Probe("make a group", "for d in /sys/fs/cgroup /sys/fs/cgroup/memory /sys/fs/cgroup/memory/mains; do makes $d; done"),
    Probe("name a release agent", "for f in /sys/fs/cgroup/*/release_agent; do [ -w $f ] && broke $f; done; true"),
    Probe("choose its processors for others", 'works taskset -p 1 "$VPID"; works renice -n -5 -p "$$"'),
    Probe("have more processes than its bound", "n=$(ulimit -u); [ \"$n\" != unlimited ] && [ \"$n\" -le 8192 ] || broke $n"),
    Probe("leave processes of a bounded fork bomb", """py '
n = 0
try:
    while n < 200:
        if os.fork() == 0:
            os.setsid(); os.close(1); os.close(2)
            import time; time.sleep(297)
        n += 1
except OSError: pass'"""),
    Probe("dump its memory to a file", '[ "$(ulimit -c)" = 0 ] || broke core'),
    Probe("open files without bound", '[ "$(ulimit -n)" -le 65536 ] || broke files'),
    Probe("use more memory than it asked for", """py '
b = []
for _ in range(600): b.append(b"x" * 2**20)
import time; time.sleep(2); broke("600 MiB")'"""),
]  # fmt: skip

SHARED: Final = [
    Probe("find another run's things in /tmp", 'reads /tmp/of-the-victim-* /var/tmp/of-the-victim-* /dev/shm/of-the-victim-*'),
    Probe("share memory with another run", "[ \"$(ipcs -m 2>/dev/null | grep -c 0x)\" = 0 ] || broke ipcs"),
    Probe("speak to another run by an abstract socket", """py '
s = socket.socket(socket.AF_UNIX); s.settimeout(1); s.connect("\\0" + os.environ["VICTIM"]); s.send(b"x"); broke("connected")'"""),
    Probe("write what another organisation's runs execute", 'writes "$ENVIRONMENT/bin/python" "$ENVIRONMENT/planted"'),
    Probe("read what another organisation has installed", 'lists "$ENVIRONMENT"/..'),
    Probe("poison another organisation's downloads", 'lists "$CACHE"; writes "$CACHE/planted"; makes "$CACHE"'),
    Probe("make an environment ready that nobody built", 'makes "$SITE/environments"; writes "$CACHE/../ready" "$CACHE/../lock"'),
    Probe("set when another's file was changed", 'works touch -d 2001-01-01 "$VICTIM/order.json"; works chmod 777 "$VICTIM"'),
]  # fmt: skip

OUTPUTS: Final = [
    Probe("keep what a link points to", 'ln -s "$ESTATE/keys/pepper" "$MAINS_OUTPUT/link"; ln -s "$ESTATE" "$MAINS_OUTPUT/folder"'),
    Probe("keep another's file by a hard link", 'ln "$ESTATE/keys/pepper" "$MAINS_OUTPUT/hard" 2>/dev/null; '
          'ln "$VICTIM/order.json" "$MAINS_OUTPUT/order" 2>/dev/null; ln /etc/shadow "$MAINS_OUTPUT/shadow" 2>/dev/null; true'),
    Probe("keep what lies outside by `..`", 'cd "$MAINS_OUTPUT"; mkdir -p a; ln -s .. a/up; ln -s ../../../.. a/further'),
    Probe("hang the agent by a pipe, a socket or a device", 'cd "$MAINS_OUTPUT"; mkfifo pipe; '
          "py 'socket.socket(socket.AF_UNIX).bind(\"sock\")'; mknod null c 1 3 2>/dev/null; true"),
    Probe("keep a setuid program", 'cp /bin/true "$MAINS_OUTPUT/suid"; chmod 6755 "$MAINS_OUTPUT/suid"'),
    Probe("fill the store by a huge file", 'truncate -s 8T "$MAINS_OUTPUT/huge" 2>/dev/null || truncate -s 900G "$MAINS_OUTPUT/huge"'),
    Probe("confuse by names", 'cd "$MAINS_OUTPUT"; : > "$(printf "a\\nb")"; : > "$(printf "\\033[2Jclear")"; : > "$(printf "\\377bad")"; '
          ': > "-rf"; : > "a b;c|d"'),
    Probe("forge the supervisor's own lines", 'printf "\\033]0;title\\007\\033[2J\\r[mains] setup: done in 0.0 s\\n"; echo "exit status 0"; exit 7'),
    Probe("be told to have succeeded after a failure", '{ echo "{\\"state\\":\\"succeeded\\"}" > "$OWN/state.json"; } 2>/dev/null; exit 9'),
    Probe("take over its supervisor by LD_PRELOAD, PYTHONPATH or GIT_*", '[ -e "$OWN/preloaded" ] && broke loaded; true'),
]  # fmt: skip

PROBES: Final = [
    *FILES, *OWN_RECORD, *PROCESSES, *PRIVILEGE, *GROUPS, *SHARED, *OUTPUTS,
]  # fmt: skip


HARMFUL_AT_A_TRUSTED_SITE: Final = frozenset(
    probe.must_not
    for probe in [*OWN_RECORD, *FILES]
    if "own" in probe.must_not or probe in OWN_RECORD or "another run" in probe.must_not
)
"""There a run has its supervisor's user: these would succeed, and end the test with its run."""


def script(left_out: Collection[str] = ()) -> str:
    """Return the script of an array whose task N is probe N."""
    cases = "\n".join(
        f"{n}) {probe.script.strip()} ;;"
        for n, probe in enumerate(PROBES)
        if probe.must_not not in left_out
    )
    return f"{HEAD}\ncase $MAINS_TASK_INDEX in\n{cases}\nesac\n"


REACHED_AT_A_TRUSTED_SITE: Final = frozenset(
    {
        "read the pepper of API keys",
        "read the key that signs receipts",
        "read the administrator's key",
        "list the keys",
        "list the home",
        "read up.json, which has a password",
        "read the agent's key",
        "write into the home",
        "replace a key",
        "reach the database's socket",
        "list the folder of sockets",
        "see what runs at the site",
        "read another process's environment",
        "read other processes' command lines",
        "find another run's secret anywhere in /proc",
        "list another process's descriptors",
        "read through another process's folders",
        "read another process's memory",
        "trace another process",
        "copy another process's memory",
        "signal the agent",
        "signal its supervisor",
        "signal another run",
        "hold a pidfd of another process and take its files",
        "raise another's limits",
        "gain capabilities over the machine by a user namespace",
        "read the estate from a namespace of its own",
        "choose its processors for others",
        "find another run's things in /tmp",
        "write what another organisation's runs execute",
        "read what another organisation has installed",
        "poison another organisation's downloads",
        "make an environment ready that nobody built",
        "set when another's file was changed",
        "keep another's file by a hard link",
    }
)
"""By design: its runs are its owner's own and have its user. Measured, so that each of these
probes is known to find what it looks for."""

REACHED_EVERYWHERE: Final = frozenset({"speak to another run by an abstract socket"})
"""Runs share the machine's network, as all of its programs do, under every kind."""

NOT_OF_THE_RUN: Final = frozenset(
    {"share memory with another run", "find keys that the uid's last run left"}
)
"""At a trusted site they depend on what else the machine runs."""
