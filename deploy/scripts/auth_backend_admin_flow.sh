#!/usr/bin/env bash
# Verifies a running service from a private back end's side: gets a token, runs every back-end administration call,
# cleans up after itself, and checks that nobody else gets in. Prints a line a step; exits 0 only if all of them pass.
#
#   AUTH_BACKEND_ADMIN_CLIENT_ID      the client and its secret; it needs read_account, write_account, read_user and
#   AUTH_BACKEND_ADMIN_CLIENT_SECRET  write_user, and read_app unless APPLICATION_ID is given
#   AUTH_BASE_URL                     where tokens are issued; default http://127.0.0.1:8080
#   API_BASE_URL                      where calls go; default AUTH_BASE_URL
#   AUDIENCE                          of the token; default API_BASE_URL/api
#   APPLICATION_ID                    whose user is made; default: the client's own application
#   PARENT_ACCOUNT_ID                 below which an account is made; default: the client's organization
#   PUBLIC_CLIENT_TOKEN               a token of a public client with the same audience, to see it turned away
#
# Exit: 0 all passed, 1 a step failed, 2 called without what it needs. Needs bash, curl and python3.
# Secrets and tokens are never printed, and never an argument of a program, where other users could read them.
set -euo pipefail

for name in AUTH_BACKEND_ADMIN_CLIENT_ID AUTH_BACKEND_ADMIN_CLIENT_SECRET; do
  if [[ -z ${!name:-} ]]; then
    echo "$name is not set: it names the private back-end client to verify with" >&2
    exit 2
  fi
done
for program in curl python3; do
  if ! command -v "$program" >/dev/null; then
    echo "$program is needed and not installed" >&2
    exit 2
  fi
done

AUTH_BASE_URL=${AUTH_BASE_URL:-http://127.0.0.1:8080}
AUTH_BASE_URL=${AUTH_BASE_URL%/}
API_BASE_URL=${API_BASE_URL:-$AUTH_BASE_URL}
API_BASE_URL=${API_BASE_URL%/}
AUDIENCE=${AUDIENCE:-$API_BASE_URL/api}
APPLICATION_ID=${APPLICATION_ID:-}
PARENT_ACCOUNT_ID=${PARENT_ACCOUNT_ID:-}
PUBLIC_CLIENT_TOKEN=${PUBLIC_CLIENT_TOKEN:-}

token=
user=
account=
member=
failed=0
status=
answer=

# request METHOD URL TOKEN [BODY]: leaves the HTTP status in $status (000: no answer) and the body in $answer.
request() {
  local method=$1 url=$2 bearer=$3 body=${4:-}
  local -a sent=(--request "$method" --header 'Accept: application/json')
  local received
  if [[ -n $body ]]; then
    sent+=(--header 'Content-Type: application/json' --data-binary '@-')
  fi
  # Headers and bodies go through pipes: arguments are there for everybody to see.
  received=$(
    printf '%s' "$body" | curl --silent --max-time 30 --write-out '\n%{http_code}' "${sent[@]}" \
      --config <(if [[ -n $bearer ]]; then printf 'header = "Authorization: Bearer %s"\n' "$bearer"; fi) "$url"
  ) || true
  status=${received##*$'\n'}
  answer=${received%$'\n'*}
}

# member_of NAME…: prints a member of $answer, found by its path; fails when there is none.
member_of() {
  printf '%s' "$answer" | python3 -I -S -c '
import json, sys
value = json.load(sys.stdin)
for name in sys.argv[1:]:
    value = value[int(name) if isinstance(value, list) else name]
print("" if value is None else value)' "$@" 2>/dev/null
}

# document NAME VALUE…: prints a JSON object of texts, read from a pipe because some are secret.
document() {
  printf '%s\0' "$@" | python3 -I -S -c '
import json, sys
words = sys.stdin.buffer.read().decode().split("\0")[:-1]
print(json.dumps(dict(zip(words[::2], words[1::2]))))'
}

passed() {
  printf 'ok    %s\n' "$1"
}

# The code of a refusal is public; the rest of an answer may not be.
not_passed() {
  local code
  code=$(member_of error || member_of code || true)
  printf 'FAIL  %s: wanted %s, got %s%s\n' "$1" "$2" "$status" "${code:+ ($code)}"
  failed=1
}

# expect STEP STATUS: prints the step's line; ends the run when it did not pass.
expect() {
  if [[ $status == "$2" ]]; then
    passed "$1"
  else
    not_passed "$1" "$2"
    exit 1
  fi
}

# The calls 5, 7 and 8, in this order, for whatever was made. Each is tried whatever became of the one before.
clean_up() {
  local step
  if [[ -n $member ]]; then
    step='5 DELETE /api/accounts/:account_id/members/:member_id'
    request DELETE "$API_BASE_URL/api/accounts/$account/members/$member" "$token"
    member=
    if [[ $status == 204 ]]; then passed "$step"; else not_passed "$step" 204; fi
  fi
  if [[ -n $account ]]; then
    step='7 DELETE /api/accounts/:account_id'
    request DELETE "$API_BASE_URL/api/accounts/$account" "$token"
    account=
    if [[ $status == 204 ]]; then passed "$step"; else not_passed "$step" 204; fi
  fi
  if [[ -n $user ]]; then
    step='8 DELETE /api/users/:user_id'
    request DELETE "$API_BASE_URL/api/users/$user" "$token"
    user=
    if [[ $status == 204 ]]; then passed "$step"; else not_passed "$step" 204; fi
  fi
}

ended() {
  local code=$?
  trap - EXIT
  clean_up
  if ((code == 0 && failed)); then code=1; fi
  exit "$code"
}
trap ended EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

ask_for_token() {
  request POST "$AUTH_BASE_URL/oauth2/token" '' "$(
    document grant_type client_credentials client_id "$AUTH_BACKEND_ADMIN_CLIENT_ID" \
      client_secret "$AUTH_BACKEND_ADMIN_CLIENT_SECRET" audience "$1"
  )"
}

# audience_of_token: prints the aud of a JWT (RFC 9068); of an opaque token, what introspection says (RFC 7662).
audience_of_token() {
  if [[ $token == *.*.* ]]; then
    answer=$(printf '%s' "$token" | python3 -I -S -c '
import base64, sys
body = sys.stdin.read().split(".")[1]
print(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)).decode())')
  else
    request POST "$AUTH_BASE_URL/oauth2/introspect" '' "$(
      document token "$token" client_id "$AUTH_BACKEND_ADMIN_CLIENT_ID" \
        client_secret "$AUTH_BACKEND_ADMIN_CLIENT_SECRET"
    )"
  fi
  member_of aud
}

# own_application: prints the id of the client's own application, looking through all pages.
own_application() {
  local next=00000000-0000-0000-0000-000000000000 found
  while [[ -n $next ]]; do
    request GET "$API_BASE_URL/api/applications?limit=200&after=$next" "$token"
    [[ $status == 200 ]] || return 1
    found=$(printf '%s' "$answer" | CLIENT=$AUTH_BACKEND_ADMIN_CLIENT_ID python3 -I -S -c '
import json, os, sys
print(*(one["id"] for one in json.load(sys.stdin)["items"] if one["client_id"] == os.environ["CLIENT"]))')
    if [[ -n $found ]]; then
      printf '%s' "$found"
      return
    fi
    next=$(member_of next)
  done
  return 1
}

ask_for_token "$AUDIENCE"
expect 'token for the audience' 200
token=$(member_of access_token)
if [[ $(audience_of_token || true) == "$AUDIENCE" ]]; then
  passed 'token names exactly that audience'
else
  status='another audience'
  not_passed 'token names exactly that audience' "$AUDIENCE"
  exit 1
fi

ask_for_token "$AUDIENCE/of-somebody-else"
expect 'token for another audience is refused' 400

if [[ -z $APPLICATION_ID ]] && ! APPLICATION_ID=$(own_application); then
  echo 'FAIL  the client cannot find its application: set APPLICATION_ID, or give it read_app'
  exit 1
fi
if [[ -z $PARENT_ACCOUNT_ID ]]; then
  request GET "$API_BASE_URL/api/accounts?limit=1" "$token"
  # Ids are ordered by birth, and the organization was there first.
  if [[ $status != 200 ]] || ! PARENT_ACCOUNT_ID=$(member_of items 0 organization_id); then
    echo 'FAIL  the client cannot find its organization: set PARENT_ACCOUNT_ID, or give it read_account'
    exit 1
  fi
fi

request POST "$API_BASE_URL/api/applications/$APPLICATION_ID/users" "$token" '{"status":"active"}'
if [[ $status == 201 ]]; then user=$(member_of id); fi
expect '1 POST /api/applications/:application_id/users' 201

request POST "$API_BASE_URL/api/accounts/$PARENT_ACCOUNT_ID/accounts" "$token" '{"name":"ops-provisioned"}'
if [[ $status == 201 ]]; then account=$(member_of id); fi
expect '2 POST /api/accounts/:account_id/accounts' 201

request POST "$API_BASE_URL/api/accounts/$account/members" "$token" "{\"user_id\":\"$user\",\"role\":\"viewer\"}"
if [[ $status == 201 ]]; then member=$(member_of id); fi
expect '3 POST /api/accounts/:account_id/members' 201

request PATCH "$API_BASE_URL/api/accounts/$account/members/$member" "$token" '{"role":"member"}'
expect '4 PATCH /api/accounts/:account_id/members/:member_id' 200

request PATCH "$API_BASE_URL/api/accounts/$account" "$token" '{"name":"ops-renamed"}'
expect '6 PATCH /api/accounts/:account_id' 200

clean_up

request GET "$API_BASE_URL/api/accounts" ''
expect 'no token is refused' 401
if [[ -n $PUBLIC_CLIENT_TOKEN ]]; then
  request GET "$API_BASE_URL/api/accounts" "$PUBLIC_CLIENT_TOKEN"
  expect 'a public client is refused' 403
else
  echo 'skip  a public client is refused: set PUBLIC_CLIENT_TOKEN to check it'
fi
