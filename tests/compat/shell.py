"""The openstack client without the second that each process of it takes to start: it is imported once, and each command runs in a fork.

A request is a line of JSON on standard input: {"config": clouds.yaml, "argv": [...]}, the answer a line of JSON {"code", "out", "err"}. With
{"commands": [group, ...]} the answer is {group: [command, ...]}: what the client and its plugins have. With {"cloud": name} beside config and
argv the command is one of the nova client, and {"nova": true} lists its commands.
"""
import importlib
import importlib.metadata
import json
import os
import sys
import tempfile

import cliff.command
from openstackclient import shell
import openstack.config  # noqa: F401


def warm():
    """Loads what every command would load again in its fork: all commands, and which package each of them comes from."""
    for group in importlib.metadata.entry_points().groups:
        for entry in importlib.metadata.entry_points(group=group) if group.startswith("openstack.") else ():
            try:
                entry.load()
            except ImportError:  # a plugin that lacks something: its commands say so when they are run
                pass
    getattr(cliff.command, "_get_distributions_by_modules", lambda: None)()
    for name in ("novaclient.v2.client", "openstack.connection", "keystoneclient.v3.client", "glanceclient.v2.client"):
        try:
            importlib.import_module(name)
        except ImportError:  # another release of the client does without it
            pass


def nova(request):
    """Runs a command of the nova client, which knows no clouds.yaml: it gets what is in there as flags."""
    import openstack.config
    from novaclient import shell as client
    one = openstack.config.OpenStackConfig(config_files=[request["config"]]).get_one(cloud=request["cloud"])
    flags = [f"--os-{k.replace('_', '-')}={v}" for k, v in one.config["auth"].items()]
    return client.main(flags + ["--os-region-name", one.config["region_name"]] + request["argv"])


def nova_commands():
    from novaclient.v2 import shell as commands
    return sorted(name[3:].replace("_", "-") for name in dir(commands) if name.startswith("do_"))


def run(request):
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out.fileno(), 1)
        os.dup2(err.fileno(), 2)
        os.environ["OS_CLIENT_CONFIG_FILE"] = request["config"]
        code = 1
        try:
            code = nova(request) if "cloud" in request else shell.main(request["argv"])
        except SystemExit as e:
            code = e.code
        finally:
            sys.stdout.flush()
            if code is not None and not isinstance(code, int):  # as sys.exit has it
                print(code, file=sys.stderr)
                code = 1
            sys.stderr.flush()
            os._exit(code or 0)
    _, status = os.waitpid(child, 0)
    answer = {"code": os.waitstatus_to_exitcode(status)}
    for name, file in (("out", out), ("err", err)):
        file.seek(0)
        answer[name] = file.read().decode(errors="replace")
        file.close()
    return answer


warm()
for line in sys.stdin:
    asked = json.loads(line)
    if "commands" in asked:
        said = {g: sorted({e.name.replace("_", " ") for e in importlib.metadata.entry_points(group=g)}) for g in asked["commands"]}
    elif "nova" in asked:
        said = nova_commands()
    else:
        said = run(asked)
    print(json.dumps(said), flush=True)
