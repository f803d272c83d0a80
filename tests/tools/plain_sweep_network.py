#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A sweep over two hosts, which are network namespaces here: every record of one of them crosses the link between them."""
import os
import shutil
import subprocess
import sys

from plain_generate import SKIPPED, run_tests
from plain_sweep import by_key, read_records, sweep_test

HOSTS = {"firn-a": "10.77.31.1", "firn-b": "10.77.31.2"}
COMMON = ["-t", "1", "--temp", "0,0.7..1.5:0.2", "--top-k", "1,40", "--seed", "1..2", "-n", "10", "-p", "The capital of France is"]
AGENT = """#!/bin/sh
shift
exec ip netns exec firn-b unshare --uts sh -c "hostname firn-b; $*"
"""


def ip(*arguments):
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)


def remove_hosts():
    for name in HOSTS:
        ip("netns", "del", name)


def make_hosts():
    """Two namespaces with a cable between them; false where that can't be had."""
    remove_hosts()
    if os.geteuid() != 0 or shutil.which("ip") is None or any(ip("netns", "add", name).returncode for name in HOSTS):
        return False
    made = ip("link", "add", "eth0", "netns", "firn-a", "type", "veth", "peer", "name", "eth0", "netns", "firn-b").returncode == 0
    for name, address in HOSTS.items():
        for command in (("addr", "add", f"{address}/24", "dev", "eth0"), ("link", "set", "eth0", "up"), ("link", "set", "lo", "up")):
            made = made and ip("-n", name, *command).returncode == 0
    return made


def received(host):
    return int(subprocess.run(["ip", "netns", "exec", host, "cat", "/sys/class/net/eth0/statistics/rx_bytes"], capture_output=True,
                              check=True).stdout)


@sweep_test
def test_records_cross_the_link(sweep):
    wanted, _ = sweep.records(*COMMON, name="one")
    agent = sweep.path("agent", AGENT)
    os.chmod(agent, 0o755)
    before = received("firn-a")
    done = subprocess.run(["ip", "netns", "exec", "firn-a", "unshare", "--uts", "sh", "-c", 'hostname firn-a; exec "$@"', "sh",
                           "mpirun", "--allow-run-as-root", "--oversubscribe", "--mca", "plm_rsh_agent", agent, "--mca",
                           "plm_rsh_no_tree_spawn", "1", "--mca", "oob_tcp_if_include", "eth0", "--mca", "btl", "self,tcp", "--mca",
                           "btl_tcp_if_include", "eth0", "--host", ",".join(HOSTS.values()), "-np", "2", sweep.program,
                           *sweep.model, *COMMON, "--jsonl", sweep.path("two")], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    records = read_records(sweep.path("two"))
    assert len(records) == 24 and by_key(records) == by_key(wanted)
    crossed = received("firn-a") - before
    half = sum(len(line) for line in open(sweep.path("two"), "rb")) / 2
    print(f"{crossed} bytes crossed the link, for records of {half:.0f} bytes")
    assert half < crossed < 3 * half + 200_000, (crossed, half)


if __name__ == "__main__":
    if shutil.which("mpirun") is None:
        print("mpirun is not there")
        sys.exit(SKIPPED)
    if not make_hosts():
        remove_hosts()
        print("hardware: network namespaces can't be made here, which needs root")
        sys.exit(SKIPPED)
    try:
        sys.exit(run_tests(globals(), "--raw"))
    finally:
        remove_hosts()
