-- create "api_tokens" table
CREATE TABLE `api_tokens` (`id` uuid NOT NULL, `name` text NOT NULL, `hash` text NOT NULL, `ending` text NOT NULL, `scopes` json NOT NULL, `created_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `last_used_at` datetime NULL, `last_address` text NOT NULL DEFAULT (''), `revoked_at` datetime NULL, `user_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `api_tokens_users_tokens` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "apitoken_hash" to table: "api_tokens"
CREATE UNIQUE INDEX `apitoken_hash` ON `api_tokens` (`hash`);
-- create index "apitoken_user_id" to table: "api_tokens"
CREATE INDEX `apitoken_user_id` ON `api_tokens` (`user_id`);
-- create "activities" table
CREATE TABLE `activities` (`id` uuid NOT NULL, `at` datetime NOT NULL, `actor_id` uuid NULL, `actor_name` text NOT NULL DEFAULT (''), `verb` text NOT NULL, `project_id` uuid NULL, `task_id` uuid NULL, `subject` text NOT NULL DEFAULT (''), `detail` json NULL, PRIMARY KEY (`id`));
-- create index "activity_at" to table: "activities"
CREATE INDEX `activity_at` ON `activities` (`at`);
-- create index "activity_project_id_at" to table: "activities"
CREATE INDEX `activity_project_id_at` ON `activities` (`project_id`, `at`);
-- create index "activity_task_id_at" to table: "activities"
CREATE INDEX `activity_task_id_at` ON `activities` (`task_id`, `at`);
-- create index "activity_actor_id_at" to table: "activities"
CREATE INDEX `activity_actor_id_at` ON `activities` (`actor_id`, `at`);
-- create "attachments" table
CREATE TABLE `attachments` (`id` uuid NOT NULL, `name` text NOT NULL, `size` integer NOT NULL, `content_type` text NOT NULL, `sha256` text NOT NULL DEFAULT (''), `storage_key` text NOT NULL, `state` text NOT NULL, `created_at` datetime NOT NULL, `removed_at` datetime NULL, `uploader_id` uuid NOT NULL, `task_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `attachments_users_uploader` FOREIGN KEY (`uploader_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION, CONSTRAINT `attachments_tasks_attachments` FOREIGN KEY (`task_id`) REFERENCES `tasks` (`id`) ON DELETE SET NULL);
-- create index "attachment_task_id_created_at" to table: "attachments"
CREATE INDEX `attachment_task_id_created_at` ON `attachments` (`task_id`, `created_at`);
-- create index "attachment_storage_key" to table: "attachments"
CREATE UNIQUE INDEX `attachment_storage_key` ON `attachments` (`storage_key`);
-- create index "attachment_state_created_at" to table: "attachments"
CREATE INDEX `attachment_state_created_at` ON `attachments` (`state`, `created_at`);
-- create "audit_entries" table
CREATE TABLE `audit_entries` (`id` uuid NOT NULL, `seq` integer NOT NULL, `at` datetime NOT NULL, `actor_kind` text NOT NULL, `actor_id` uuid NULL, `actor_name` text NOT NULL DEFAULT (''), `grant_id` uuid NULL, `action` text NOT NULL, `target` text NOT NULL DEFAULT (''), `target_id` uuid NULL, `outcome` text NOT NULL, `address` text NOT NULL DEFAULT (''), `agent` text NOT NULL DEFAULT (''), `detail` text NOT NULL, `prev_hash` text NOT NULL, `hash` text NOT NULL, PRIMARY KEY (`id`));
-- create index "auditentry_seq" to table: "audit_entries"
CREATE UNIQUE INDEX `auditentry_seq` ON `audit_entries` (`seq`);
-- create index "auditentry_at" to table: "audit_entries"
CREATE INDEX `auditentry_at` ON `audit_entries` (`at`);
-- create index "auditentry_actor_id_seq" to table: "audit_entries"
CREATE INDEX `auditentry_actor_id_seq` ON `audit_entries` (`actor_id`, `seq`);
-- create index "auditentry_action_seq" to table: "audit_entries"
CREATE INDEX `auditentry_action_seq` ON `audit_entries` (`action`, `seq`);
-- create index "auditentry_target_id_seq" to table: "audit_entries"
CREATE INDEX `auditentry_target_id_seq` ON `audit_entries` (`target_id`, `seq`);
-- create "audit_heads" table
CREATE TABLE `audit_heads` (`id` text NOT NULL, `seq` integer NOT NULL, `hash` text NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- create "automation_rules" table
CREATE TABLE `automation_rules` (`id` uuid NOT NULL, `name` text NOT NULL, `trigger` text NOT NULL, `condition` text NOT NULL DEFAULT (''), `actions` json NOT NULL, `enabled` bool NOT NULL DEFAULT (true), `position` integer NOT NULL DEFAULT (0), `last_error` text NOT NULL DEFAULT (''), `last_run_at` datetime NULL, `runs` integer NOT NULL DEFAULT (0), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `owner_id` uuid NOT NULL, `project_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `automation_rules_users_owner` FOREIGN KEY (`owner_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION, CONSTRAINT `automation_rules_projects_rules` FOREIGN KEY (`project_id`) REFERENCES `projects` (`id`) ON DELETE CASCADE);
-- create index "automationrule_trigger_enabled" to table: "automation_rules"
CREATE INDEX `automationrule_trigger_enabled` ON `automation_rules` (`trigger`, `enabled`);
-- create index "automationrule_project_id_position" to table: "automation_rules"
CREATE INDEX `automationrule_project_id_position` ON `automation_rules` (`project_id`, `position`);
-- create "bi_grants" table
CREATE TABLE `bi_grants` (`id` uuid NOT NULL, `role` text NOT NULL, `addresses` json NOT NULL, `reason` text NOT NULL DEFAULT (''), `created_by` uuid NULL, `created_by_name` text NOT NULL DEFAULT (''), `created_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `revoked_at` datetime NULL, `last_error` text NOT NULL DEFAULT (''), PRIMARY KEY (`id`));
-- create index "bigrant_role" to table: "bi_grants"
CREATE UNIQUE INDEX `bigrant_role` ON `bi_grants` (`role`);
-- create index "bigrant_expires_at" to table: "bi_grants"
CREATE INDEX `bigrant_expires_at` ON `bi_grants` (`expires_at`);
-- create "checklist_items" table
CREATE TABLE `checklist_items` (`id` uuid NOT NULL, `text` text NOT NULL, `position` integer NOT NULL, `done_at` datetime NULL, `task_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `checklist_items_tasks_checklist` FOREIGN KEY (`task_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE);
-- create index "checklistitem_task_id_position" to table: "checklist_items"
CREATE INDEX `checklistitem_task_id_position` ON `checklist_items` (`task_id`, `position`);
-- create "comments" table
CREATE TABLE `comments` (`id` uuid NOT NULL, `body` text NOT NULL, `created_at` datetime NOT NULL, `edited_at` datetime NULL, `deleted_at` datetime NULL, `author_id` uuid NOT NULL, `task_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `comments_users_author` FOREIGN KEY (`author_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION, CONSTRAINT `comments_tasks_comments` FOREIGN KEY (`task_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE);
-- create index "comment_task_id_created_at" to table: "comments"
CREATE INDEX `comment_task_id_created_at` ON `comments` (`task_id`, `created_at`);
-- create index "comment_author_id" to table: "comments"
CREATE INDEX `comment_author_id` ON `comments` (`author_id`);
-- create "data_migrations" table
CREATE TABLE `data_migrations` (`id` text NOT NULL, `cursor` text NOT NULL DEFAULT (''), `changed` integer NOT NULL DEFAULT (0), `started_at` datetime NOT NULL, `finished_at` datetime NULL, PRIMARY KEY (`id`));
-- create "labels" table
CREATE TABLE `labels` (`id` uuid NOT NULL, `scope` text NOT NULL, `name` text NOT NULL, `color` text NOT NULL DEFAULT ('#6b7280'), `project_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `labels_projects_labels` FOREIGN KEY (`project_id`) REFERENCES `projects` (`id`) ON DELETE CASCADE);
-- create index "label_scope_name" to table: "labels"
CREATE UNIQUE INDEX `label_scope_name` ON `labels` (`scope`, `name`);
-- create "links" table
CREATE TABLE `links` (`id` uuid NOT NULL, `kind` text NOT NULL, `hash` text NOT NULL, `created_by` uuid NULL, `created_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `used_at` datetime NULL, `user_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `links_users_links` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "link_hash" to table: "links"
CREATE UNIQUE INDEX `link_hash` ON `links` (`hash`);
-- create index "link_user_id_kind" to table: "links"
CREATE INDEX `link_user_id_kind` ON `links` (`user_id`, `kind`);
-- create index "link_expires_at" to table: "links"
CREATE INDEX `link_expires_at` ON `links` (`expires_at`);
-- create "locks" table
CREATE TABLE `locks` (`id` text NOT NULL, `holder` text NOT NULL, `taken_at` datetime NOT NULL, `until` datetime NOT NULL, PRIMARY KEY (`id`));
-- create "mentions" table
CREATE TABLE `mentions` (`id` uuid NOT NULL, `created_at` datetime NOT NULL, `comment_id` uuid NULL, `user_id` uuid NOT NULL, `task_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `mentions_comments_mentions` FOREIGN KEY (`comment_id`) REFERENCES `comments` (`id`) ON DELETE CASCADE, CONSTRAINT `mentions_users_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE, CONSTRAINT `mentions_tasks_mentions` FOREIGN KEY (`task_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE);
-- create index "mention_comment_id_user_id" to table: "mentions"
CREATE UNIQUE INDEX `mention_comment_id_user_id` ON `mentions` (`comment_id`, `user_id`);
-- create index "mention_task_id_user_id" to table: "mentions"
CREATE INDEX `mention_task_id_user_id` ON `mentions` (`task_id`, `user_id`);
-- create index "mention_user_id_created_at" to table: "mentions"
CREATE INDEX `mention_user_id_created_at` ON `mentions` (`user_id`, `created_at`);
-- create "notifications" table
CREATE TABLE `notifications` (`id` uuid NOT NULL, `kind` text NOT NULL, `comment_id` uuid NULL, `actor_name` text NOT NULL DEFAULT (''), `text` text NOT NULL DEFAULT (''), `created_at` datetime NOT NULL, `read_at` datetime NULL, `user_id` uuid NOT NULL, `task_id` uuid NULL, PRIMARY KEY (`id`), CONSTRAINT `notifications_users_user` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE, CONSTRAINT `notifications_tasks_notifications` FOREIGN KEY (`task_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE);
-- create index "notification_user_id_read_at_created_at" to table: "notifications"
CREATE INDEX `notification_user_id_read_at_created_at` ON `notifications` (`user_id`, `read_at`, `created_at`);
-- create index "notification_task_id" to table: "notifications"
CREATE INDEX `notification_task_id` ON `notifications` (`task_id`);
-- create "outgoing_mails" table
CREATE TABLE `outgoing_mails` (`id` uuid NOT NULL, `recipient` text NOT NULL, `subject` text NOT NULL, `body` blob NOT NULL, `once` text NULL, `state` text NOT NULL DEFAULT ('waiting'), `attempts` integer NOT NULL DEFAULT (0), `last_error` text NOT NULL DEFAULT (''), `created_at` datetime NOT NULL, `due_at` datetime NOT NULL, `sent_at` datetime NULL, PRIMARY KEY (`id`));
-- create index "outgoingmail_state_due_at" to table: "outgoing_mails"
CREATE INDEX `outgoingmail_state_due_at` ON `outgoing_mails` (`state`, `due_at`);
-- create index "outgoingmail_once" to table: "outgoing_mails"
CREATE UNIQUE INDEX `outgoingmail_once` ON `outgoing_mails` (`once`);
-- create "projects" table
CREATE TABLE `projects` (`id` uuid NOT NULL, `key` text NOT NULL, `name` text NOT NULL, `description` text NOT NULL, `color` text NOT NULL DEFAULT ('#4f6bed'), `visibility` text NOT NULL DEFAULT ('members'), `next_number` integer NOT NULL DEFAULT (1), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `archived_at` datetime NULL, PRIMARY KEY (`id`));
-- create index "project_key" to table: "projects"
CREATE UNIQUE INDEX `project_key` ON `projects` (`key`);
-- create index "project_name" to table: "projects"
CREATE INDEX `project_name` ON `projects` (`name`);
-- create "project_members" table
CREATE TABLE `project_members` (`id` uuid NOT NULL, `created_at` datetime NOT NULL, `project_id` uuid NOT NULL, `user_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `project_members_projects_members` FOREIGN KEY (`project_id`) REFERENCES `projects` (`id`) ON DELETE CASCADE, CONSTRAINT `project_members_users_project_memberships` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "projectmember_project_id_user_id" to table: "project_members"
CREATE UNIQUE INDEX `projectmember_project_id_user_id` ON `project_members` (`project_id`, `user_id`);
-- create index "projectmember_user_id" to table: "project_members"
CREATE INDEX `projectmember_user_id` ON `project_members` (`user_id`);
-- create "project_teams" table
CREATE TABLE `project_teams` (`project_id` uuid NOT NULL, `team_id` uuid NOT NULL, PRIMARY KEY (`project_id`, `team_id`), CONSTRAINT `project_teams_projects_project` FOREIGN KEY (`project_id`) REFERENCES `projects` (`id`) ON DELETE CASCADE, CONSTRAINT `project_teams_teams_team` FOREIGN KEY (`team_id`) REFERENCES `teams` (`id`) ON DELETE CASCADE);
-- create index "projectteam_team_id" to table: "project_teams"
CREATE INDEX `projectteam_team_id` ON `project_teams` (`team_id`);
-- create "provider_grants" table
CREATE TABLE `provider_grants` (`id` uuid NOT NULL, `granted_by` uuid NULL, `granted_by_name` text NOT NULL, `reason` text NOT NULL, `created_at` datetime NOT NULL, `starts_at` datetime NOT NULL, `ends_at` datetime NOT NULL, `closed_at` datetime NULL, `closed_by` uuid NULL, PRIMARY KEY (`id`));
-- create index "providergrant_ends_at" to table: "provider_grants"
CREATE INDEX `providergrant_ends_at` ON `provider_grants` (`ends_at`);
-- create "recovery_codes" table
CREATE TABLE `recovery_codes` (`id` uuid NOT NULL, `hash` text NOT NULL, `created_at` datetime NOT NULL, `used_at` datetime NULL, `user_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `recovery_codes_users_recovery_codes` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "recoverycode_user_id_hash" to table: "recovery_codes"
CREATE UNIQUE INDEX `recoverycode_user_id_hash` ON `recovery_codes` (`user_id`, `hash`);
-- create "saved_filters" table
CREATE TABLE `saved_filters` (`id` uuid NOT NULL, `name` text NOT NULL, `query` text NOT NULL, `shared` bool NOT NULL DEFAULT (false), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `owner_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `saved_filters_users_owner` FOREIGN KEY (`owner_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "savedfilter_owner_id_name" to table: "saved_filters"
CREATE UNIQUE INDEX `savedfilter_owner_id_name` ON `saved_filters` (`owner_id`, `name`);
-- create "sessions" table
CREATE TABLE `sessions` (`id` uuid NOT NULL, `hash` text NOT NULL, `created_at` datetime NOT NULL, `last_seen_at` datetime NOT NULL, `expires_at` datetime NOT NULL, `reauthenticated_at` datetime NULL, `second_factor` bool NOT NULL DEFAULT (false), `address` text NOT NULL DEFAULT (''), `agent` text NOT NULL DEFAULT (''), `grant_id` uuid NULL, `user_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `sessions_provider_grants_grant` FOREIGN KEY (`grant_id`) REFERENCES `provider_grants` (`id`) ON DELETE CASCADE, CONSTRAINT `sessions_users_sessions` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "session_hash" to table: "sessions"
CREATE UNIQUE INDEX `session_hash` ON `sessions` (`hash`);
-- create index "session_user_id_last_seen_at" to table: "sessions"
CREATE INDEX `session_user_id_last_seen_at` ON `sessions` (`user_id`, `last_seen_at`);
-- create index "session_expires_at" to table: "sessions"
CREATE INDEX `session_expires_at` ON `sessions` (`expires_at`);
-- create "settings" table
CREATE TABLE `settings` (`id` text NOT NULL, `value` json NOT NULL, `updated_at` datetime NOT NULL, `updated_by` uuid NULL, PRIMARY KEY (`id`));
-- create "states" table
CREATE TABLE `states` (`id` uuid NOT NULL, `name` text NOT NULL, `kind` text NOT NULL, `position` integer NOT NULL, `wip_limit` integer NOT NULL DEFAULT (0), `project_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `states_projects_states` FOREIGN KEY (`project_id`) REFERENCES `projects` (`id`) ON DELETE CASCADE);
-- create index "state_project_id_name" to table: "states"
CREATE UNIQUE INDEX `state_project_id_name` ON `states` (`project_id`, `name`);
-- create index "state_project_id_position" to table: "states"
CREATE INDEX `state_project_id_position` ON `states` (`project_id`, `position`);
-- create "tasks" table
CREATE TABLE `tasks` (`id` uuid NOT NULL, `number` integer NOT NULL, `title` text NOT NULL, `description` text NOT NULL, `priority` integer NOT NULL DEFAULT (0), `due_on` text NULL, `position` integer NOT NULL DEFAULT (0), `version` integer NOT NULL DEFAULT (1), `search` text NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `done_at` datetime NULL, `archived_at` datetime NULL, `project_id` uuid NOT NULL, `state_id` uuid NOT NULL, `assignee_id` uuid NULL, `reporter_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `tasks_projects_tasks` FOREIGN KEY (`project_id`) REFERENCES `projects` (`id`) ON DELETE NO ACTION, CONSTRAINT `tasks_states_tasks` FOREIGN KEY (`state_id`) REFERENCES `states` (`id`) ON DELETE NO ACTION, CONSTRAINT `tasks_users_assignee` FOREIGN KEY (`assignee_id`) REFERENCES `users` (`id`) ON DELETE SET NULL, CONSTRAINT `tasks_users_reporter` FOREIGN KEY (`reporter_id`) REFERENCES `users` (`id`) ON DELETE NO ACTION);
-- create index "task_project_id_number" to table: "tasks"
CREATE UNIQUE INDEX `task_project_id_number` ON `tasks` (`project_id`, `number`);
-- create index "task_state_id_position" to table: "tasks"
CREATE INDEX `task_state_id_position` ON `tasks` (`state_id`, `position`);
-- create index "task_project_id_updated_at" to table: "tasks"
CREATE INDEX `task_project_id_updated_at` ON `tasks` (`project_id`, `updated_at`);
-- create index "task_project_id_due_on" to table: "tasks"
CREATE INDEX `task_project_id_due_on` ON `tasks` (`project_id`, `due_on`);
-- create index "task_assignee_id_due_on" to table: "tasks"
CREATE INDEX `task_assignee_id_due_on` ON `tasks` (`assignee_id`, `due_on`);
-- create index "task_updated_at" to table: "tasks"
CREATE INDEX `task_updated_at` ON `tasks` (`updated_at`);
-- create "task_labels" table
CREATE TABLE `task_labels` (`task_id` uuid NOT NULL, `label_id` uuid NOT NULL, PRIMARY KEY (`task_id`, `label_id`), CONSTRAINT `task_labels_tasks_task` FOREIGN KEY (`task_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE, CONSTRAINT `task_labels_labels_label` FOREIGN KEY (`label_id`) REFERENCES `labels` (`id`) ON DELETE CASCADE);
-- create index "tasklabel_label_id" to table: "task_labels"
CREATE INDEX `tasklabel_label_id` ON `task_labels` (`label_id`);
-- create "task_relations" table
CREATE TABLE `task_relations` (`id` uuid NOT NULL, `kind` text NOT NULL, `created_at` datetime NOT NULL, `from_id` uuid NOT NULL, `to_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `task_relations_tasks_relations` FOREIGN KEY (`from_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE, CONSTRAINT `task_relations_tasks_related` FOREIGN KEY (`to_id`) REFERENCES `tasks` (`id`) ON DELETE CASCADE);
-- create index "taskrelation_from_id_to_id_kind" to table: "task_relations"
CREATE UNIQUE INDEX `taskrelation_from_id_to_id_kind` ON `task_relations` (`from_id`, `to_id`, `kind`);
-- create index "taskrelation_to_id" to table: "task_relations"
CREATE INDEX `taskrelation_to_id` ON `task_relations` (`to_id`);
-- create "teams" table
CREATE TABLE `teams` (`id` uuid NOT NULL, `name` text NOT NULL, `description` text NOT NULL DEFAULT (''), `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, PRIMARY KEY (`id`));
-- create index "team_name" to table: "teams"
CREATE UNIQUE INDEX `team_name` ON `teams` (`name`);
-- create "team_members" table
CREATE TABLE `team_members` (`id` uuid NOT NULL, `leads` bool NOT NULL DEFAULT (false), `created_at` datetime NOT NULL, `team_id` uuid NOT NULL, `user_id` uuid NOT NULL, PRIMARY KEY (`id`), CONSTRAINT `team_members_teams_members` FOREIGN KEY (`team_id`) REFERENCES `teams` (`id`) ON DELETE CASCADE, CONSTRAINT `team_members_users_team_memberships` FOREIGN KEY (`user_id`) REFERENCES `users` (`id`) ON DELETE CASCADE);
-- create index "teammember_team_id_user_id" to table: "team_members"
CREATE UNIQUE INDEX `teammember_team_id_user_id` ON `team_members` (`team_id`, `user_id`);
-- create index "teammember_user_id" to table: "team_members"
CREATE INDEX `teammember_user_id` ON `team_members` (`user_id`);
-- create "users" table
CREATE TABLE `users` (`id` uuid NOT NULL, `email` text NOT NULL, `name` text NOT NULL, `role` text NOT NULL, `kind` text NOT NULL DEFAULT ('person'), `status` text NOT NULL, `password_hash` text NULL, `password_set_at` datetime NULL, `previous_hashes` json NULL, `totp_secret` blob NULL, `totp_confirmed_at` datetime NULL, `totp_last_step` integer NOT NULL DEFAULT (0), `timezone` text NOT NULL DEFAULT ('UTC'), `locale` text NOT NULL DEFAULT ('en'), `theme` text NOT NULL DEFAULT ('system'), `mail_choices` json NOT NULL, `created_at` datetime NOT NULL, `updated_at` datetime NOT NULL, `last_login_at` datetime NULL, PRIMARY KEY (`id`));
-- create index "user_email" to table: "users"
CREATE UNIQUE INDEX `user_email` ON `users` (`email`);
-- create index "user_status_name" to table: "users"
CREATE INDEX `user_status_name` ON `users` (`status`, `name`);
