#!/bin/sh
# The least that activity-core needs of a Kafka cluster: read one source, write its own events.
#
#   KAFKA=broker:9092 ADMIN=admin.properties PRINCIPAL=User:activity-core \
#   SOURCE=shop TOPICS="shop.orders shop.payments" sh acls.sh
#
# ADMIN: the client settings of somebody who may alter ACLs. Once per source; without TOPICS, only
# the right to publish. The cluster denies whatever is not allowed here if `authorizer.class.name`
# is set and `allow.everyone.if.no.acl.found` is not. Make the topics first: activity-core makes
# none, and has no right to.
set -eu

: "${KAFKA:?host:port of a broker}" "${ADMIN:?file with the settings of an administrator}"
principal=${PRINCIPAL:-User:activity-core}

allow() {
  kafka-acls.sh --bootstrap-server "$KAFKA" --command-config "$ADMIN" --add \
    --allow-principal "$principal" "$@"
}

# Events out. Write includes Describe, and what idempotent producers need.
allow --operation Write --topic activity-core.events

# Events in: read these topics as members of this group, and nothing else. Read includes Describe.
for topic in ${TOPICS:-}; do
  allow --operation Read --topic "$topic"
  allow --operation Read --group "activity-core-${DEPLOYMENT:-main}-${SOURCE:?the id of the source}"
done
