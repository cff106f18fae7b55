"""Runs the declarative HTTP tests of OpenStack's placement against this cloud, one cloud for each file.

judge.py <binary> <folder> <page> <update: yes or no>

folder is placement/tests/functional of a source tree of placement: gabbits/*.yaml are the tests, fixtures/gabbits.py makes what they start
from. The fixtures make it through placement's own objects; here the same calls go through the API: the modules that they import are
replaced by the few functions below. Tokens are real ones: where a test names roles and a scope in headers, as placement without keystone
takes them, a user with these roles is made and its token sent.
"""
import glob
import http.client
import importlib.util
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import types
import unittest
import urllib.parse
import uuid

import yaml
from gabbi import handlers, httpclient, suitemaker, utils

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(here))
import verdict  # noqa: E402


class Cloud:
    """Identity and placement in one process, with no provider in them."""

    def __init__(self, binary, rules):
        self.dir = tempfile.mkdtemp()
        settings = {"DEFAULT.state_path": self.dir, "listen.port_base": "0", "identity.password_hash_rounds": "4", "bootstrap.admin_password": "secret",
                    "bootstrap.demo_password": "secret", "keystone_authtoken.password": "secret"}
        if rules:
            path = os.path.join(self.dir, "{service}.yaml")  # a file for each service; the others have none
            with open(path.format(service="placement"), "w") as f:
                yaml.safe_dump(rules, f)
            settings["oslo_policy.policy_file"] = path
        flags = [x for k, v in settings.items() for x in ("--set", k + "=" + v)]
        subprocess.run([binary, "bootstrap"] + flags, check=True, stdout=subprocess.DEVNULL)
        self.process = subprocess.Popen([binary, "keystone", "placement-api"] + flags, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.urls, said = {}, ""
        for line in self.process.stderr:
            said += line
            found = re.search(r'msg="API listens" service=(\S+) address=(\S+)', line)
            if found:
                self.urls[found[1]] = urllib.parse.urlsplit("http://" + found[2] + ("/v3" if found[1] == "keystone" else ""))
            if "msg=ready" in line:
                break
        else:
            self.stop()
            raise RuntimeError("the services ended before they were ready:\n" + said)
        # What they say from now on is nobody's, but must be read.
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.tokens = {}
        self.projects = {}
        self.admin = self.token({"user": {"name": "admin", "domain": {"id": "default"}, "password": "secret"}},
                                {"project": {"name": "admin", "domain": {"id": "default"}}})
        _, projects = self.call("keystone", "GET", "/projects")
        self.home = next(p["id"] for p in projects["projects"] if p["name"] == "admin")
        _, roles = self.call("keystone", "GET", "/roles")
        self.roles = {r["name"]: r["id"] for r in roles["roles"]}

    def stop(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.dir)

    def call(self, service, method, path, body=None, headers=None):
        url = self.urls[service]
        connection = http.client.HTTPConnection(url.hostname, url.port)
        all_headers = {"Content-Type": "application/json", **(headers or {"X-Auth-Token": self.admin})}
        connection.request(method, url.path.rstrip("/") + path, json.dumps(body) if body is not None else None, all_headers)
        answer = connection.getresponse()
        text = answer.read()
        connection.close()
        if answer.status >= 400:
            raise RuntimeError("%s %s: %d %s" % (method, path, answer.status, text.decode()))
        return answer, json.loads(text) if text else None

    def ask(self, method, path, body=None):
        token = self.as_user({"x-auth-token": "admin"})
        return self.call("placement-api", method, path, body, {"X-Auth-Token": token, "OpenStack-API-Version": "placement 1.37"})[1]

    def get(self, path):
        return self.ask("GET", path)

    def token(self, who, scope):
        auth = {"auth": {"identity": {"methods": ["password"], "password": who}, "scope": scope}}
        answer, _ = self.call("keystone", "POST", "/auth/tokens", auth, {"Accept": "application/json"})
        return answer.getheader("X-Subject-Token")

    def project(self):
        _, p = self.call("keystone", "POST", "/projects", {"project": {"name": uuid.uuid4().hex, "domain_id": "default"}})
        self.projects[p["project"]["id"]] = True
        return p["project"]["id"]

    def as_user(self, headers):
        """The token of a user who has what the headers say."""
        named = headers.get("x-auth-token")
        if named is None:
            return None
        user = named.partition(":")[0]
        if "x-roles" in headers:
            roles = headers["x-roles"].split(",")
        else:
            roles = ["admin", "service"] if user == "admin" else []
        system = headers.get("openstack-system-scope") == "all"
        project = headers.get("x-project-id")
        key = (user, tuple(roles), system, project)
        if key not in self.tokens:
            self.tokens[key] = self.make(roles or ["bystander"], system, project)
        return self.tokens[key]

    def make(self, roles, system, project):
        _, u = self.call("keystone", "POST", "/users", {"user": {"name": uuid.uuid4().hex, "domain_id": "default", "password": "secret"}})
        u = u["user"]["id"]
        if project not in self.projects:
            project = self.home  # the name of a project that only placement without keystone takes
        where = "/system" if system else "/projects/" + project
        for r in roles:
            if r not in self.roles:
                _, made = self.call("keystone", "POST", "/roles", {"role": {"name": r}})
                self.roles[r] = made["role"]["id"]
            self.call("keystone", "PUT", "%s/users/%s/roles/%s" % (where, u, self.roles[r]))
        return self.token({"user": {"id": u, "password": "secret"}}, {"system": {"all": True}} if system else {"project": {"id": project}})


class Fixtures:
    """The fixtures' module, with the cloud in the place of placement's objects."""

    def __init__(self, folder, cloud):
        self.cloud = cloud
        self.uuids = {}
        self.module = self.load(os.path.join(folder, "fixtures", "gabbits.py"))
        self.module.APIFixture.start_fixture = lambda fix: self.start(fix)
        self.module.OpenPolicyFixture.start_fixture = lambda fix: self.start(fix)  # the cloud has been started with these rules
        self.module.APIFixture.stop_fixture = lambda _: None

    def sentinel(self, name):
        return self.uuids.setdefault(name, str(uuid.uuid4()))

    def load(self, path):
        class Sentinels:
            def __getattr__(_, name):
                return self.sentinel(name)

        class Anything(types.ModuleType):
            def __getattr__(_, name):
                return Anything(name)

            def __call__(_, *args, **more):
                return Anything("made")

        class Named:
            def __init__(_, context, external_id=None, name=None):
                _.id, _.name = external_id, name

            def create(_):
                if _.name:
                    self.cloud.ask("PUT", "/resource_classes/" + _.name)

        for name in ("oslo_config", "oslo_log.fixture", "oslo_policy", "oslo_policy.opts", "oslotest", "placement", "placement.conf", "placement.context",
                     "placement.deploy", "placement.policies", "placement.tests", "placement.tests.fixtures", "placement.tests.functional",
                     "placement.tests.functional.fixtures", "placement.tests.unit", "oslo_log", "placement.tests.functional.db"):
            sys.modules[name] = Anything(name)
        objects = types.ModuleType("placement.objects")
        objects.user = objects.project = types.SimpleNamespace(User=Named, Project=Named)
        objects.resource_class = types.SimpleNamespace(ResourceClass=Named)
        sys.modules["placement.objects"] = objects
        sys.modules["placement.tests.functional.db"].test_base = self
        spec = importlib.util.spec_from_file_location("gabbits", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        module.uuids = Sentinels()
        return module

    def start(self, fix):
        fix.context = fix.conf_fixture = types.SimpleNamespace(config=lambda *a, **k: None)
        fix.policy_fixture = types.SimpleNamespace(set_rules=lambda rules: None)
        for name in ("RP_UUID", "RP_NAME", "RP_UUID1", "RP_NAME1", "RP_UUID2", "RP_NAME2", "USER_ID", "USER_ID_ALT", "INSTANCE_UUID", "MIGRATION_UUID",
                     "CONSUMER_UUID", "PARENT_PROVIDER_UUID", "ALT_PARENT_PROVIDER_UUID"):
            os.environ[name] = str(uuid.uuid4())
        for name in ("PROJECT_ID", "PROJECT_ID_ALT", "ADMIN_PROJECT_ID", "SERVICE_PROJECT_ID"):
            os.environ[name] = self.cloud.project()
        for name in ("CUSTOM_RES_CLASS", "CUSTOM_RES_CLASS1", "CUSTOM_RES_CLASS2"):
            os.environ[name] = "CUSTOM_IRON_NFV" + name[len("CUSTOM_RES_CLASS"):]

    # What follows has the names and arguments of placement's own helpers.

    def create_provider(self, context, name, *aggregates, parent=None, uuid=None):
        p = types.SimpleNamespace(uuid=uuid or self.sentinel(name), name=name)
        path = "/resource_providers/%s/aggregates" % p.uuid

        def set_aggregates(ids):
            was = self.cloud.get(path)
            self.cloud.ask("PUT", path, {"aggregates": list(ids), "resource_provider_generation": was["resource_provider_generation"]})

        p.set_aggregates = set_aggregates
        self.cloud.ask("POST", "/resource_providers", {"name": name, "uuid": p.uuid, **({"parent_provider_uuid": parent} if parent else {})})
        if aggregates:
            set_aggregates(aggregates)
        return p

    def add_inventory(self, p, rc, total, **more):
        if rc.startswith("CUSTOM_"):
            self.cloud.ask("PUT", "/resource_classes/" + rc)
        was = self.cloud.get("/resource_providers/" + p.uuid)
        self.cloud.ask("POST", "/resource_providers/%s/inventories" % p.uuid,
                       {"resource_class": rc, "total": total, "max_unit": total, **more, "resource_provider_generation": was["generation"]})

    def set_traits(self, p, *traits):
        for t in traits:
            if t.startswith("CUSTOM_"):
                self.cloud.ask("PUT", "/traits/" + t)
        was = self.cloud.get("/resource_providers/" + p.uuid)
        self.cloud.ask("PUT", "/resource_providers/%s/traits" % p.uuid, {"traits": list(traits), "resource_provider_generation": was["generation"]})

    def create_user_and_project(self, context, prefix="fake"):
        return types.SimpleNamespace(id=prefix + "-user"), types.SimpleNamespace(id=prefix + "-project")

    def ensure_consumer(self, context, user, project, consumer_id=None):
        return types.SimpleNamespace(uuid=consumer_id or str(uuid.uuid4()), user=user.id, project=project.id)

    def set_allocation(self, context, p, consumer, used):
        self.cloud.ask("PUT", "/allocations/" + consumer.uuid,
                       {"allocations": {p.uuid: {"resources": used}}, "user_id": consumer.user, "project_id": consumer.project, "consumer_generation": None})


class Outcome(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.seen = {}
        self.trouble = ""

    def note(self, test, outcome, why=""):
        name = getattr(test, "test_data", {}).get("name") or str(test)
        self.seen[name] = (outcome, why)

    def addSuccess(self, test):
        self.note(test, "pass")

    def addFailure(self, test, error):
        self.note(test, "fail", str(error[1]).strip().splitlines()[0] if str(error[1]).strip() else repr(error[1]))

    def addError(self, test, error):
        self.addFailure(test, error)
        self.trouble = self.trouble or "the fixture failed: " + repr(error[1])

    def addSkip(self, test, reason):
        if reason == "fixture failure":  # nothing to be proud of: the tests have not been made ready
            self.note(test, "fail", self.trouble)
        else:
            self.note(test, "skip", reason)

    def addExpectedFailure(self, test, error):
        self.note(test, "skip", "its authors expect it to fail")

    def addUnexpectedSuccess(self, test):
        self.note(test, "pass")


def judge(job):
    binary, folder, path = job
    name = os.path.basename(path)[:-len(".yaml")]
    suite = utils.load_yaml(yaml_file=path)
    wants = suite.get("fixtures") or []
    left = {"CORSFixture": "no cors", "LegacyRBACPolicyFixture": "older rules"}
    if any(f in left for f in wants):
        why = next(left[f] for f in wants if f in left)
        return {"%s: %s" % (name, t["name"]): ("skip", why) for t in suite["tests"]}
    rules = None
    if "OpenPolicyFixture" in wants:
        text = subprocess.run([binary, "dump", "policy"], capture_output=True, text=True, check=True).stdout
        rules = {r: "@" for r in set(re.findall(r'placement:[a-z_:]+', text)) if not r.endswith("_api")}
    # The words of an error are each program's own: status, headers and codes are what is compared.
    for test in suite["tests"]:
        if int(str(test.get("status", 200)).split()[0]) >= 400:
            test.pop("response_strings", None)
            test.get("response_json_paths", {}).pop("$.errors[0].detail", None)
    cloud = Cloud(binary, rules)
    try:
        plain = httpclient.Http.request

        def request(self, uri, method, body, headers, redirect):
            token = cloud.as_user({k.lower(): v for k, v in headers.items()})
            sent = {k: v for k, v in headers.items() if k.lower() not in ("x-auth-token", "x-roles", "x-project-id", "openstack-system-scope")}
            if token:
                sent["X-Auth-Token"] = token
            return plain(self, uri, method, body, sent, redirect)

        httpclient.Http.request = request  # each file has a process of its own
        fixtures = Fixtures(folder, cloud)
        url = cloud.urls["placement-api"]
        tests = suitemaker.test_suite_from_dict(unittest.defaultTestLoader, name, suite, os.path.dirname(path), url.hostname, url.port, fixtures.module, None,
                                                prefix=url.path.rstrip("/"), handlers=[h() for h in handlers.RESPONSE_HANDLERS])
        result = Outcome()
        tests.run(result)
        short = len(name) + 1
        return {"%s: %s" % (name, k[short:] if k.startswith(name + "_") else k): v for k, v in result.seen.items()}
    finally:
        cloud.stop()


def main():
    binary, folder, page, update = sys.argv[1:5]
    files = sorted(glob.glob(os.path.join(folder, "gabbits", "*.yaml")))
    only = os.environ.get("GABBITS")
    jobs = [(binary, folder, f) for f in files if not only or re.search(only, os.path.basename(f))]
    results = {}
    with multiprocessing.get_context("fork").Pool(2, maxtasksperchild=1) as pool:
        for part in pool.imap(judge, jobs, chunksize=1):
            results.update(part)
    intro = ("The declarative HTTP tests of OpenStack's placement (its gabbi files) against a cloud of this build for each file. The words of errors are not compared.\n"
             "Written by `tests/compat/gabbi/run --update`.")
    good = verdict.settle("Placement's own tests", results, lambda test: test.split(":")[0], page, intro, here, update == "yes")
    sys.exit(not good)


if __name__ == "__main__":
    main()
