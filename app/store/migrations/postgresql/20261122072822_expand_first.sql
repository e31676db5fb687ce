-- create "bi_grants" table
CREATE TABLE "bi_grants" ("id" uuid NOT NULL, "role" character varying NOT NULL, "addresses" jsonb NOT NULL, "reason" character varying NOT NULL DEFAULT '', "created_by" uuid NULL, "created_by_name" character varying NOT NULL DEFAULT '', "created_at" timestamptz NOT NULL, "expires_at" timestamptz NOT NULL, "revoked_at" timestamptz NULL, "last_error" character varying NOT NULL DEFAULT '', PRIMARY KEY ("id"));
-- create index "bigrant_expires_at" to table: "bi_grants"
CREATE INDEX "bigrant_expires_at" ON "bi_grants" ("expires_at");
-- create index "bigrant_role" to table: "bi_grants"
CREATE UNIQUE INDEX "bigrant_role" ON "bi_grants" ("role");
-- create "locks" table
CREATE TABLE "locks" ("id" character varying NOT NULL, "holder" character varying NOT NULL, "taken_at" timestamptz NOT NULL, "until" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create "outgoing_mails" table
CREATE TABLE "outgoing_mails" ("id" uuid NOT NULL, "recipient" character varying NOT NULL, "subject" character varying NOT NULL, "body" bytea NOT NULL, "once" character varying NULL, "state" character varying NOT NULL DEFAULT 'waiting', "attempts" bigint NOT NULL DEFAULT 0, "last_error" character varying NOT NULL DEFAULT '', "created_at" timestamptz NOT NULL, "due_at" timestamptz NOT NULL, "sent_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "outgoingmail_once" to table: "outgoing_mails"
CREATE UNIQUE INDEX "outgoingmail_once" ON "outgoing_mails" ("once");
-- create index "outgoingmail_state_due_at" to table: "outgoing_mails"
CREATE INDEX "outgoingmail_state_due_at" ON "outgoing_mails" ("state", "due_at");
-- create "audit_entries" table
CREATE TABLE "audit_entries" ("id" uuid NOT NULL, "seq" bigint NOT NULL, "at" timestamptz NOT NULL, "actor_kind" character varying NOT NULL, "actor_id" uuid NULL, "actor_name" character varying NOT NULL DEFAULT '', "grant_id" uuid NULL, "action" character varying NOT NULL, "target" character varying NOT NULL DEFAULT '', "target_id" uuid NULL, "outcome" character varying NOT NULL, "address" character varying NOT NULL DEFAULT '', "agent" character varying NOT NULL DEFAULT '', "detail" character varying NOT NULL, "prev_hash" character varying NOT NULL, "hash" character varying NOT NULL, PRIMARY KEY ("id"));
-- create index "auditentry_action_seq" to table: "audit_entries"
CREATE INDEX "auditentry_action_seq" ON "audit_entries" ("action", "seq");
-- create index "auditentry_actor_id_seq" to table: "audit_entries"
CREATE INDEX "auditentry_actor_id_seq" ON "audit_entries" ("actor_id", "seq");
-- create index "auditentry_at" to table: "audit_entries"
CREATE INDEX "auditentry_at" ON "audit_entries" ("at");
-- create index "auditentry_seq" to table: "audit_entries"
CREATE UNIQUE INDEX "auditentry_seq" ON "audit_entries" ("seq");
-- create index "auditentry_target_id_seq" to table: "audit_entries"
CREATE INDEX "auditentry_target_id_seq" ON "audit_entries" ("target_id", "seq");
-- create "audit_heads" table
CREATE TABLE "audit_heads" ("id" character varying NOT NULL, "seq" bigint NOT NULL, "hash" character varying NOT NULL, "updated_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create "settings" table
CREATE TABLE "settings" ("id" character varying NOT NULL, "value" jsonb NOT NULL, "updated_at" timestamptz NOT NULL, "updated_by" uuid NULL, PRIMARY KEY ("id"));
-- create "users" table
CREATE TABLE "users" ("id" uuid NOT NULL, "email" character varying NOT NULL, "name" character varying NOT NULL, "role" character varying NOT NULL, "kind" character varying NOT NULL DEFAULT 'person', "status" character varying NOT NULL, "password_hash" character varying NULL, "password_set_at" timestamptz NULL, "previous_hashes" jsonb NULL, "totp_secret" bytea NULL, "totp_confirmed_at" timestamptz NULL, "totp_last_step" bigint NOT NULL DEFAULT 0, "timezone" character varying NOT NULL DEFAULT 'UTC', "locale" character varying NOT NULL DEFAULT 'en', "theme" character varying NOT NULL DEFAULT 'system', "mail_choices" jsonb NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "last_login_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "user_email" to table: "users"
CREATE UNIQUE INDEX "user_email" ON "users" ("email");
-- create index "user_status_name" to table: "users"
CREATE INDEX "user_status_name" ON "users" ("status", "name");
-- create "data_migrations" table
CREATE TABLE "data_migrations" ("id" character varying NOT NULL, "cursor" character varying NOT NULL DEFAULT '', "changed" bigint NOT NULL DEFAULT 0, "started_at" timestamptz NOT NULL, "finished_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create "activities" table
CREATE TABLE "activities" ("id" uuid NOT NULL, "at" timestamptz NOT NULL, "actor_id" uuid NULL, "actor_name" character varying NOT NULL DEFAULT '', "verb" character varying NOT NULL, "project_id" uuid NULL, "task_id" uuid NULL, "subject" character varying NOT NULL DEFAULT '', "detail" jsonb NULL, PRIMARY KEY ("id"));
-- create index "activity_actor_id_at" to table: "activities"
CREATE INDEX "activity_actor_id_at" ON "activities" ("actor_id", "at");
-- create index "activity_at" to table: "activities"
CREATE INDEX "activity_at" ON "activities" ("at");
-- create index "activity_project_id_at" to table: "activities"
CREATE INDEX "activity_project_id_at" ON "activities" ("project_id", "at");
-- create index "activity_task_id_at" to table: "activities"
CREATE INDEX "activity_task_id_at" ON "activities" ("task_id", "at");
-- create "api_tokens" table
CREATE TABLE "api_tokens" ("id" uuid NOT NULL, "name" character varying NOT NULL, "hash" character varying NOT NULL, "ending" character varying NOT NULL, "scopes" jsonb NOT NULL, "created_at" timestamptz NOT NULL, "expires_at" timestamptz NOT NULL, "last_used_at" timestamptz NULL, "last_address" character varying NOT NULL DEFAULT '', "revoked_at" timestamptz NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "api_tokens_users_tokens" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "apitoken_hash" to table: "api_tokens"
CREATE UNIQUE INDEX "apitoken_hash" ON "api_tokens" ("hash");
-- create index "apitoken_user_id" to table: "api_tokens"
CREATE INDEX "apitoken_user_id" ON "api_tokens" ("user_id");
-- create "projects" table
CREATE TABLE "projects" ("id" uuid NOT NULL, "key" character varying NOT NULL, "name" character varying NOT NULL, "description" character varying NOT NULL, "color" character varying NOT NULL DEFAULT '#4f6bed', "visibility" character varying NOT NULL DEFAULT 'members', "next_number" bigint NOT NULL DEFAULT 1, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "archived_at" timestamptz NULL, PRIMARY KEY ("id"));
-- create index "project_key" to table: "projects"
CREATE UNIQUE INDEX "project_key" ON "projects" ("key");
-- create index "project_name" to table: "projects"
CREATE INDEX "project_name" ON "projects" ("name");
-- create "states" table
CREATE TABLE "states" ("id" uuid NOT NULL, "name" character varying NOT NULL, "kind" character varying NOT NULL, "position" bigint NOT NULL, "wip_limit" bigint NOT NULL DEFAULT 0, "project_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "states_projects_states" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "state_project_id_name" to table: "states"
CREATE UNIQUE INDEX "state_project_id_name" ON "states" ("project_id", "name");
-- create index "state_project_id_position" to table: "states"
CREATE INDEX "state_project_id_position" ON "states" ("project_id", "position");
-- create "tasks" table
CREATE TABLE "tasks" ("id" uuid NOT NULL, "number" bigint NOT NULL, "title" character varying NOT NULL, "description" character varying NOT NULL, "priority" smallint NOT NULL DEFAULT 0, "due_on" character varying NULL, "position" bigint NOT NULL DEFAULT 0, "version" bigint NOT NULL DEFAULT 1, "search" character varying NOT NULL, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "done_at" timestamptz NULL, "archived_at" timestamptz NULL, "project_id" uuid NOT NULL, "state_id" uuid NOT NULL, "assignee_id" uuid NULL, "reporter_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "tasks_projects_tasks" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "tasks_states_tasks" FOREIGN KEY ("state_id") REFERENCES "states" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION, CONSTRAINT "tasks_users_assignee" FOREIGN KEY ("assignee_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE SET NULL, CONSTRAINT "tasks_users_reporter" FOREIGN KEY ("reporter_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- create index "task_assignee_id_due_on" to table: "tasks"
CREATE INDEX "task_assignee_id_due_on" ON "tasks" ("assignee_id", "due_on");
-- create index "task_project_id_due_on" to table: "tasks"
CREATE INDEX "task_project_id_due_on" ON "tasks" ("project_id", "due_on");
-- create index "task_project_id_number" to table: "tasks"
CREATE UNIQUE INDEX "task_project_id_number" ON "tasks" ("project_id", "number");
-- create index "task_project_id_updated_at" to table: "tasks"
CREATE INDEX "task_project_id_updated_at" ON "tasks" ("project_id", "updated_at");
-- create index "task_state_id_position" to table: "tasks"
CREATE INDEX "task_state_id_position" ON "tasks" ("state_id", "position");
-- create index "task_updated_at" to table: "tasks"
CREATE INDEX "task_updated_at" ON "tasks" ("updated_at");
-- create "attachments" table
CREATE TABLE "attachments" ("id" uuid NOT NULL, "name" character varying NOT NULL, "size" bigint NOT NULL, "content_type" character varying NOT NULL, "sha256" character varying NOT NULL DEFAULT '', "storage_key" character varying NOT NULL, "state" character varying NOT NULL, "created_at" timestamptz NOT NULL, "removed_at" timestamptz NULL, "uploader_id" uuid NOT NULL, "task_id" uuid NULL, PRIMARY KEY ("id"), CONSTRAINT "attachments_tasks_attachments" FOREIGN KEY ("task_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE SET NULL, CONSTRAINT "attachments_users_uploader" FOREIGN KEY ("uploader_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- create index "attachment_state_created_at" to table: "attachments"
CREATE INDEX "attachment_state_created_at" ON "attachments" ("state", "created_at");
-- create index "attachment_storage_key" to table: "attachments"
CREATE UNIQUE INDEX "attachment_storage_key" ON "attachments" ("storage_key");
-- create index "attachment_task_id_created_at" to table: "attachments"
CREATE INDEX "attachment_task_id_created_at" ON "attachments" ("task_id", "created_at");
-- create "automation_rules" table
CREATE TABLE "automation_rules" ("id" uuid NOT NULL, "name" character varying NOT NULL, "trigger" character varying NOT NULL, "condition" character varying NOT NULL DEFAULT '', "actions" jsonb NOT NULL, "enabled" boolean NOT NULL DEFAULT true, "position" bigint NOT NULL DEFAULT 0, "last_error" character varying NOT NULL DEFAULT '', "last_run_at" timestamptz NULL, "runs" bigint NOT NULL DEFAULT 0, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "owner_id" uuid NOT NULL, "project_id" uuid NULL, PRIMARY KEY ("id"), CONSTRAINT "automation_rules_projects_rules" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "automation_rules_users_owner" FOREIGN KEY ("owner_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- create index "automationrule_project_id_position" to table: "automation_rules"
CREATE INDEX "automationrule_project_id_position" ON "automation_rules" ("project_id", "position");
-- create index "automationrule_trigger_enabled" to table: "automation_rules"
CREATE INDEX "automationrule_trigger_enabled" ON "automation_rules" ("trigger", "enabled");
-- create "checklist_items" table
CREATE TABLE "checklist_items" ("id" uuid NOT NULL, "text" character varying NOT NULL, "position" bigint NOT NULL, "done_at" timestamptz NULL, "task_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "checklist_items_tasks_checklist" FOREIGN KEY ("task_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "checklistitem_task_id_position" to table: "checklist_items"
CREATE INDEX "checklistitem_task_id_position" ON "checklist_items" ("task_id", "position");
-- create "comments" table
CREATE TABLE "comments" ("id" uuid NOT NULL, "body" character varying NOT NULL, "created_at" timestamptz NOT NULL, "edited_at" timestamptz NULL, "deleted_at" timestamptz NULL, "author_id" uuid NOT NULL, "task_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "comments_tasks_comments" FOREIGN KEY ("task_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "comments_users_author" FOREIGN KEY ("author_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE NO ACTION);
-- create index "comment_author_id" to table: "comments"
CREATE INDEX "comment_author_id" ON "comments" ("author_id");
-- create index "comment_task_id_created_at" to table: "comments"
CREATE INDEX "comment_task_id_created_at" ON "comments" ("task_id", "created_at");
-- create "labels" table
CREATE TABLE "labels" ("id" uuid NOT NULL, "scope" character varying NOT NULL, "name" character varying NOT NULL, "color" character varying NOT NULL DEFAULT '#6b7280', "project_id" uuid NULL, PRIMARY KEY ("id"), CONSTRAINT "labels_projects_labels" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "label_scope_name" to table: "labels"
CREATE UNIQUE INDEX "label_scope_name" ON "labels" ("scope", "name");
-- create "links" table
CREATE TABLE "links" ("id" uuid NOT NULL, "kind" character varying NOT NULL, "hash" character varying NOT NULL, "created_by" uuid NULL, "created_at" timestamptz NOT NULL, "expires_at" timestamptz NOT NULL, "used_at" timestamptz NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "links_users_links" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "link_expires_at" to table: "links"
CREATE INDEX "link_expires_at" ON "links" ("expires_at");
-- create index "link_hash" to table: "links"
CREATE UNIQUE INDEX "link_hash" ON "links" ("hash");
-- create index "link_user_id_kind" to table: "links"
CREATE INDEX "link_user_id_kind" ON "links" ("user_id", "kind");
-- create "mentions" table
CREATE TABLE "mentions" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "comment_id" uuid NULL, "user_id" uuid NOT NULL, "task_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "mentions_comments_mentions" FOREIGN KEY ("comment_id") REFERENCES "comments" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "mentions_tasks_mentions" FOREIGN KEY ("task_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "mentions_users_user" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "mention_comment_id_user_id" to table: "mentions"
CREATE UNIQUE INDEX "mention_comment_id_user_id" ON "mentions" ("comment_id", "user_id");
-- create index "mention_task_id_user_id" to table: "mentions"
CREATE INDEX "mention_task_id_user_id" ON "mentions" ("task_id", "user_id");
-- create index "mention_user_id_created_at" to table: "mentions"
CREATE INDEX "mention_user_id_created_at" ON "mentions" ("user_id", "created_at");
-- create "notifications" table
CREATE TABLE "notifications" ("id" uuid NOT NULL, "kind" character varying NOT NULL, "comment_id" uuid NULL, "actor_name" character varying NOT NULL DEFAULT '', "text" character varying NOT NULL DEFAULT '', "created_at" timestamptz NOT NULL, "read_at" timestamptz NULL, "user_id" uuid NOT NULL, "task_id" uuid NULL, PRIMARY KEY ("id"), CONSTRAINT "notifications_tasks_notifications" FOREIGN KEY ("task_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "notifications_users_user" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "notification_task_id" to table: "notifications"
CREATE INDEX "notification_task_id" ON "notifications" ("task_id");
-- create index "notification_user_id_read_at_created_at" to table: "notifications"
CREATE INDEX "notification_user_id_read_at_created_at" ON "notifications" ("user_id", "read_at", "created_at");
-- create "project_members" table
CREATE TABLE "project_members" ("id" uuid NOT NULL, "created_at" timestamptz NOT NULL, "project_id" uuid NOT NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "project_members_projects_members" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "project_members_users_project_memberships" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "projectmember_project_id_user_id" to table: "project_members"
CREATE UNIQUE INDEX "projectmember_project_id_user_id" ON "project_members" ("project_id", "user_id");
-- create index "projectmember_user_id" to table: "project_members"
CREATE INDEX "projectmember_user_id" ON "project_members" ("user_id");
-- create "teams" table
CREATE TABLE "teams" ("id" uuid NOT NULL, "name" character varying NOT NULL, "description" character varying NOT NULL DEFAULT '', "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, PRIMARY KEY ("id"));
-- create index "team_name" to table: "teams"
CREATE UNIQUE INDEX "team_name" ON "teams" ("name");
-- create "project_teams" table
CREATE TABLE "project_teams" ("project_id" uuid NOT NULL, "team_id" uuid NOT NULL, PRIMARY KEY ("project_id", "team_id"), CONSTRAINT "project_teams_projects_project" FOREIGN KEY ("project_id") REFERENCES "projects" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "project_teams_teams_team" FOREIGN KEY ("team_id") REFERENCES "teams" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "projectteam_team_id" to table: "project_teams"
CREATE INDEX "projectteam_team_id" ON "project_teams" ("team_id");
-- create "recovery_codes" table
CREATE TABLE "recovery_codes" ("id" uuid NOT NULL, "hash" character varying NOT NULL, "created_at" timestamptz NOT NULL, "used_at" timestamptz NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "recovery_codes_users_recovery_codes" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "recoverycode_user_id_hash" to table: "recovery_codes"
CREATE UNIQUE INDEX "recoverycode_user_id_hash" ON "recovery_codes" ("user_id", "hash");
-- create "saved_filters" table
CREATE TABLE "saved_filters" ("id" uuid NOT NULL, "name" character varying NOT NULL, "query" character varying NOT NULL, "shared" boolean NOT NULL DEFAULT false, "created_at" timestamptz NOT NULL, "updated_at" timestamptz NOT NULL, "owner_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "saved_filters_users_owner" FOREIGN KEY ("owner_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "savedfilter_owner_id_name" to table: "saved_filters"
CREATE UNIQUE INDEX "savedfilter_owner_id_name" ON "saved_filters" ("owner_id", "name");
-- create "provider_grants" table
CREATE TABLE "provider_grants" ("id" uuid NOT NULL, "granted_by" uuid NULL, "granted_by_name" character varying NOT NULL, "reason" character varying NOT NULL, "created_at" timestamptz NOT NULL, "starts_at" timestamptz NOT NULL, "ends_at" timestamptz NOT NULL, "closed_at" timestamptz NULL, "closed_by" uuid NULL, PRIMARY KEY ("id"));
-- create index "providergrant_ends_at" to table: "provider_grants"
CREATE INDEX "providergrant_ends_at" ON "provider_grants" ("ends_at");
-- create "sessions" table
CREATE TABLE "sessions" ("id" uuid NOT NULL, "hash" character varying NOT NULL, "created_at" timestamptz NOT NULL, "last_seen_at" timestamptz NOT NULL, "expires_at" timestamptz NOT NULL, "reauthenticated_at" timestamptz NULL, "second_factor" boolean NOT NULL DEFAULT false, "address" character varying NOT NULL DEFAULT '', "agent" character varying NOT NULL DEFAULT '', "grant_id" uuid NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "sessions_provider_grants_grant" FOREIGN KEY ("grant_id") REFERENCES "provider_grants" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "sessions_users_sessions" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "session_expires_at" to table: "sessions"
CREATE INDEX "session_expires_at" ON "sessions" ("expires_at");
-- create index "session_hash" to table: "sessions"
CREATE UNIQUE INDEX "session_hash" ON "sessions" ("hash");
-- create index "session_user_id_last_seen_at" to table: "sessions"
CREATE INDEX "session_user_id_last_seen_at" ON "sessions" ("user_id", "last_seen_at");
-- create "task_labels" table
CREATE TABLE "task_labels" ("task_id" uuid NOT NULL, "label_id" uuid NOT NULL, PRIMARY KEY ("task_id", "label_id"), CONSTRAINT "task_labels_labels_label" FOREIGN KEY ("label_id") REFERENCES "labels" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "task_labels_tasks_task" FOREIGN KEY ("task_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "tasklabel_label_id" to table: "task_labels"
CREATE INDEX "tasklabel_label_id" ON "task_labels" ("label_id");
-- create "task_relations" table
CREATE TABLE "task_relations" ("id" uuid NOT NULL, "kind" character varying NOT NULL, "created_at" timestamptz NOT NULL, "from_id" uuid NOT NULL, "to_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "task_relations_tasks_related" FOREIGN KEY ("to_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "task_relations_tasks_relations" FOREIGN KEY ("from_id") REFERENCES "tasks" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "taskrelation_from_id_to_id_kind" to table: "task_relations"
CREATE UNIQUE INDEX "taskrelation_from_id_to_id_kind" ON "task_relations" ("from_id", "to_id", "kind");
-- create index "taskrelation_to_id" to table: "task_relations"
CREATE INDEX "taskrelation_to_id" ON "task_relations" ("to_id");
-- create "team_members" table
CREATE TABLE "team_members" ("id" uuid NOT NULL, "leads" boolean NOT NULL DEFAULT false, "created_at" timestamptz NOT NULL, "team_id" uuid NOT NULL, "user_id" uuid NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "team_members_teams_members" FOREIGN KEY ("team_id") REFERENCES "teams" ("id") ON UPDATE NO ACTION ON DELETE CASCADE, CONSTRAINT "team_members_users_team_memberships" FOREIGN KEY ("user_id") REFERENCES "users" ("id") ON UPDATE NO ACTION ON DELETE CASCADE);
-- create index "teammember_team_id_user_id" to table: "team_members"
CREATE UNIQUE INDEX "teammember_team_id_user_id" ON "team_members" ("team_id", "user_id");
-- create index "teammember_user_id" to table: "team_members"
CREATE INDEX "teammember_user_id" ON "team_members" ("user_id");
