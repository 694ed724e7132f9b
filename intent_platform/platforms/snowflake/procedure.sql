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
import os
import sys
import zipfile
from pathlib import Path
from tempfile import mkdtemp

# The modules read settings and SQL from files beside them, so the archive is unpacked first. Each call has its own
# folder, because calls can run at the same time.
folder = mkdtemp()
zipfile.ZipFile(Path(sys._xoptions["snowflake_import_directory"]) / "{archive}").extractall(folder)
sys.path.insert(0, folder)
os.environ["GIT_COMMIT"] = "{commit}"

from {module} import {function}


def run({arguments}):
    return {function}({arguments})
$$
