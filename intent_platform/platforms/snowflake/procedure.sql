CREATE OR REPLACE PROCEDURE {name}({parameters})
RETURNS VARCHAR
LANGUAGE PYTHON
RUNTIME_VERSION = '{runtime}'
ARTIFACT_REPOSITORY = SNOWFLAKE.SNOWPARK.PYPI_SHARED_REPOSITORY
PACKAGES = ({packages})
IMPORTS = ('@{stage}/{archive}')
HANDLER = 'run'
COMMENT = '{meaning}'
EXECUTE AS CALLER
AS $$
import sys
import zipfile
from pathlib import Path
from tempfile import gettempdir

# Settings and SQL are files beside the modules: unpacked, they can be read.
archive = Path(sys._xoptions["snowflake_import_directory"]) / "{archive}"
folder = Path(gettempdir()) / archive.stem
if not folder.exists():
    zipfile.ZipFile(archive).extractall(folder)
sys.path.insert(0, str(folder))

from intent_platform.automation.procedures import {function}


def run({arguments}):
    return {function}({arguments})
$$
