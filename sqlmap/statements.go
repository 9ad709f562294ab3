package sqlmap

import "strings"

// The statements are the same in both dialects. Lists are read page by page; an
// empty page is the end.
const (
	selectMapping = `SELECT acs_id FROM acsauth_mappings WHERE resource = $1 AND tenant_id = $2 AND object_id = $3`

	// One statement settles who is first, and says who was. The update changes
	// nothing; it is there because a conflict that does nothing returns nothing.
	insertMapping = `INSERT INTO acsauth_mappings AS m (resource, tenant_id, object_id, acs_id, created)
		VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (resource, tenant_id, object_id) DO UPDATE SET acs_id = m.acs_id
		RETURNING acs_id`

	deleteMapping = `DELETE FROM acsauth_mappings
		WHERE resource = $1 AND tenant_id = $2 AND object_id = $3 AND acs_id = $4`

	selectMappings = `SELECT tenant_id, object_id, acs_id, created FROM acsauth_mappings
		WHERE resource = $1 AND (tenant_id, object_id) > ($2, $3)
		ORDER BY tenant_id, object_id LIMIT 256`

	insertEntry = `INSERT INTO acsauth_journal (resource, id, kind, tenant_id, object_id, acs_id, request_id, opened)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (resource, id) DO NOTHING`

	updateEntry = `UPDATE acsauth_journal SET acs_id = $1 WHERE resource = $2 AND id = $3`

	deleteEntry = `DELETE FROM acsauth_journal WHERE resource = $1 AND id = $2`

	selectEntries = `SELECT id, kind, tenant_id, object_id, acs_id, request_id, opened FROM acsauth_journal
		WHERE resource = $1 AND opened < $2 AND (opened, id) > ($3, $4)
		ORDER BY opened, id LIMIT 256`

	selectEntriesOfUser = `SELECT id, kind, tenant_id, object_id, acs_id, request_id, opened FROM acsauth_journal
		WHERE resource = $1 AND opened < $2 AND (opened, id) > ($3, $4) AND tenant_id = $5 AND object_id = $6
		ORDER BY opened, id LIMIT 256`

	selectVersion = `SELECT coalesce(max(version), 0) FROM acsauth_schema`
)

// in returns a statement whose tables are in a schema, if it is not empty.
func in(schema, statement string) string {
	if schema == "" {
		return statement
	}
	return strings.ReplaceAll(statement, "acsauth_", `"`+schema+`".acsauth_`)
}
