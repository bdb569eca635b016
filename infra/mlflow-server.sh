#!/bin/sh
# Start the MLflow server with PostgreSQL behind it and password authentication in front of it.
# Secrets are files, named by environment variables, so that none shows up in a process list.
set -eu
POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
MLFLOW_AUTH_ADMIN_PASSWORD=$(cat "$MLFLOW_ADMIN_PASSWORD_FILE")
MLFLOW_FLASK_SERVER_SECRET_KEY=$(cat "$MLFLOW_SECRET_KEY_FILE")
export MLFLOW_AUTH_ADMIN_PASSWORD MLFLOW_FLASK_SERVER_SECRET_KEY
if [ -n "${AWS_SECRET_ACCESS_KEY_FILE:-}" ]; then
  AWS_SECRET_ACCESS_KEY=$(cat "$AWS_SECRET_ACCESS_KEY_FILE")
  export AWS_SECRET_ACCESS_KEY
fi
URI="postgresql+psycopg2://mlflow:${POSTGRES_PASSWORD}@${POSTGRES_HOST}:5432/mlflow"
export MLFLOW_BACKEND_STORE_URI="$URI" MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false
umask 077
cat > /tmp/basic_auth.ini <<INI
[mlflow]
default_permission = READ
database_uri = $URI
admin_username = admin
admin_password = $MLFLOW_AUTH_ADMIN_PASSWORD
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
INI
export MLFLOW_AUTH_CONFIG_PATH=/tmp/basic_auth.ini
exec mlflow server --app-name basic-auth --host 0.0.0.0 --port 5000 --workers 2 \
  --allowed-hosts "$MLFLOW_ALLOWED_HOSTS" --serve-artifacts --artifacts-destination "$ARTIFACTS"
