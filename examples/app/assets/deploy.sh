# What Deploydesk runs where DEPLOYDESK_DEPLOY names no program: it deploys nothing, and shows how
# values of variables come out in a log. It fails where DATABASE_URL is missing.
echo "Deploying to $DEPLOY_SERVER with the variables of $DEPLOY_SET"
for done in 0 50 100; do printf 'fetching %s %%\r' "$done"; done
echo
echo "The environment, as a careless script prints it:"
env | sort
echo "The same in base64, and as a shell quotes it:"
env | sort | base64
export -p
if [ -z "$DATABASE_URL" ]; then
  echo "error: DATABASE_URL is not set" >&2
  exit 3
fi
echo "migrating $DATABASE_URL"
echo "done"
