"""Task-15 of Level 6: runs the tests, starts the examples, counts, and prints a table.

It is handed to the agent as a shell step by the scripted model. What it prints is what
reports/TEST_RESULTS.md says: measured here, not written beforehand.
"""

import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as tree

SKIPPED = {".git", "__pycache__", ".pytest_cache"}


def tests():
    """Run pytest, keep its output, and give its counts."""
    pathlib.Path("reports").mkdir(exist_ok=True)
    line = [sys.executable, "-m", "pytest", "-v", "--junitxml=reports/junit.xml", "tests"]
    with open("reports/pytest.txt", "wb") as kept:
        subprocess.run(line, stdout=kept, stderr=subprocess.STDOUT, check=False)
    suite = tree.parse("reports/junit.xml").getroot().find("testsuite")
    ran, failed = int(suite.get("tests")), int(suite.get("failures")) + int(suite.get("errors"))
    return ran - failed, ran


def examples():
    """Start each example of the documentation and fetch its first page."""
    from webapp_framework.testing.client import Client

    text = pathlib.Path("docs/getting_started.md").read_text(encoding="utf-8")
    started = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, source in re.findall(r"```python\n# (\w+)\.py\n(.*?)```", text, re.S):
            path = pathlib.Path(folder, f"{name}.py")
            path.write_text(source, encoding="utf-8")
            spec = importlib.util.spec_from_file_location(name, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            started += Client(module.app).get("/", follow=True).status == 200
    return started


def files():
    """All files of the project; the page that is written from this is one more."""
    paths = pathlib.Path(".").rglob("*")
    return sum(path.is_file() and not SKIPPED & set(path.parts) for path in paths if path.name != "TEST_RESULTS.md") + 1


def lines():
    """Lines of Python that are not blank, and all of them."""
    sources = [path for folder in ("webapp_framework", "tests") for path in pathlib.Path(folder).rglob("*.py")]
    all_lines = [line for path in sources for line in path.read_text(encoding="utf-8").splitlines()]
    return sum(bool(line.strip()) for line in all_lines), len(all_lines)


sys.dont_write_bytecode = True
sys.path.insert(0, ".")
passed, ran = tests()
written, total = lines()
print("| | expected | measured |\n| --- | --- | --- |")
print(f"| tests passed | 42 of 42 | {passed} of {ran} |")
print(f"| files | 55 | {files()} |")
print(f"| lines of Python, blank ones left out | about 2,174 | {written:,} (of {total:,}) |")
print(f"| examples that answer | 3 | {examples()} |")
sys.exit(passed != ran)
