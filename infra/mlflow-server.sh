#!/bin/sh
# Start the MLflow server with PostgreSQL behind it and password authentication in front of it.
# Secrets are files, named by environment variables, so that none shows up in a process list.
# Two users: admin, for people who manage the server, and jobs, for what runs: it may make experiments
# and models, write to its own and read the others.
set -eu
POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
MLFLOW_AUTH_ADMIN_PASSWORD=$(cat "$MLFLOW_ADMIN_PASSWORD_FILE")
MLFLOW_FLASK_SERVER_SECRET_KEY=$(cat "$MLFLOW_SECRET_KEY_FILE")
export MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY
URI="postgresql+psycopg2://mlflow:${POSTGRES_PASSWORD}@${POSTGRES_HOST}:5432/mlflow"
export MLFLOW_BACKEND_STORE_URI="$URI" MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
umask 077
cat > /tmp/basic_auth.ini <<INI
[mlflow]
default_permission = READ
database_uri = $URI
admin_username = admin
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
INI
export MLFLOW_AUTH_CONFIG_PATH=/tmp/basic_auth.ini
# The password of jobs is what the file says, also after a change; that of admin is changed in MLflow.
python - <<'PY'
import os
from pathlib import Path

from mlflow.server.auth.sqlalchemy_store import SqlAlchemyStore

users = SqlAlchemyStore()
users.init_db(os.environ["MLFLOW_BACKEND_STORE_URI"])
if not users.has_user("admin"):
    users.create_user("admin", os.environ["MLFLOW_AUTH_ADMIN_PASSWORD"], is_admin=True)
password = Path(os.environ["MLFLOW_JOBS_PASSWORD_FILE"]).read_text().strip()
if users.has_user("jobs"):
    users.update_user("jobs", password=password, is_admin=False)
else:
    users.create_user("jobs", password)
PY
exec mlflow server --app-name basic-auth --host 0.0.0.0 --port 5000 --workers 2 \
  --allowed-hosts "$MLFLOW_ALLOWED_HOSTS" --serve-artifacts --artifacts-destination "$ARTIFACTS"
