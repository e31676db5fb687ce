// Package ent is generated from the schema in ent/schema: the tables of one client, typed.
package ent

//go:generate go tool ent generate --feature sql/versioned-migration,sql/upsert,sql/lock,sql/modifier ./schema
