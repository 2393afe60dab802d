import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent


def version() -> str:
    """The version, read without importing the package: its dependencies are not installed at build time."""
    text = (HERE / "isoproxy" / "__init__.py").read_text()
    match = re.search(r'^__version__ = "([^"]+)"$', text, re.MULTILINE)
    if match is None:
        raise RuntimeError("isoproxy/__init__.py states no __version__")
    return match[1]


TEST = [
    "hypothesis>=6.150,<7",
    "pytest>=9,<10",
    "pytest-cov>=7,<8",
    "pytest-twisted>=1.14.3,<2",
]

DEV = [
    *TEST,
    # For `make fuzz`: it makes inputs by the branches that they reach, which hypothesis does not. 3.1 has no wheel for
    # Python 3.11, and there are none for other machines.
    "atheris>=3.0,<3.1; python_version < '3.14' and platform_machine == 'x86_64' and sys_platform == 'linux'",
    "build>=1.3,<2",
    "mypy>=2.4,<2.5",
    "mypy-zope>=1.0.17,<2",  # without it the interfaces of Twisted have no types
    "ruff>=0.17,<0.18",
    "setuptools>=77",  # test_packaging builds with what is installed, so that it needs no network
    "towncrier>=26,<27",
    "types-PyYAML>=6.0.12,<7",
    "vulture>=2.16,<3",
]

setup(
    name="isoproxy",
    version=version(),
    description="Gives every TCP connection a Kubernetes pod of its own.",
    long_description=(HERE / "README.md").read_text(),
    long_description_content_type="text/markdown",
    author="The isoproxy maintainers",
    license_expression="Apache-2.0",
    license_files=["LICENSE"],
    keywords=["kubernetes", "operator", "proxy", "isolation", "twisted"],
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Environment :: No Input/Output (Daemon)",
        "Framework :: Twisted",
        "Intended Audience :: System Administrators",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3.11",
        "Topic :: System :: Networking",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    install_requires=[
        "cel-expr-python>=0.1.3,<0.2",
        "jsonpatch>=1.33,<2",
        "kubernetes>=37,<38",
        "prometheus-client>=0.26,<0.27",
        "pydantic>=2.14,<3",
        "PyYAML>=6.0.3,<7",
        "treq>=26.7,<27",
        "twisted[tls]>=26.10,<27",
        "txaio>=26.6,<27",
    ],
    extras_require={"test": TEST, "dev": DEV},
    # twisted.plugins is a directory that Twisted looks into, not a package: it has no __init__.py, here or elsewhere.
    packages=[*find_packages(include=["isoproxy", "isoproxy.*"]), "twisted.plugins"],
    # isoproxy/crds is a link to the top-level crds/, where a user of kubectl looks for them.
    package_data={"isoproxy": ["crds/*.yaml", "py.typed"]},
    include_package_data=False,
    zip_safe=False,
)
