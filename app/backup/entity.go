package backup

import "github.com/berth-iac/berth/app/ent"

// entities are how the tables are reached. A table that is missing here and not left out on purpose stops every backup (see tables).
func entities() map[string]func(name string, all definitions) table {
	return map[string]func(name string, all definitions) table{
		"activities":       of(func(c *ent.Client) *ent.ActivityClient { return c.Activity }),
		"api_tokens":       of(func(c *ent.Client) *ent.APITokenClient { return c.APIToken }),
		"attachments":      of(func(c *ent.Client) *ent.AttachmentClient { return c.Attachment }),
		"audit_entries":    of(func(c *ent.Client) *ent.AuditEntryClient { return c.AuditEntry }),
		"audit_heads":      of(func(c *ent.Client) *ent.AuditHeadClient { return c.AuditHead }),
		"automation_rules": of(func(c *ent.Client) *ent.AutomationRuleClient { return c.AutomationRule }),
		"checklist_items":  of(func(c *ent.Client) *ent.ChecklistItemClient { return c.ChecklistItem }),
		"comments":         of(func(c *ent.Client) *ent.CommentClient { return c.Comment }),
		"data_migrations":  of(func(c *ent.Client) *ent.DataMigrationClient { return c.DataMigration }),
		"labels":           of(func(c *ent.Client) *ent.LabelClient { return c.Label }),
		"links":            of(func(c *ent.Client) *ent.LinkClient { return c.Link }),
		"mentions":         of(func(c *ent.Client) *ent.MentionClient { return c.Mention }),
		"notifications":    of(func(c *ent.Client) *ent.NotificationClient { return c.Notification }),
		"outgoing_mails":   of(func(c *ent.Client) *ent.OutgoingMailClient { return c.OutgoingMail }),
		"project_members":  of(func(c *ent.Client) *ent.ProjectMemberClient { return c.ProjectMember }),
		"project_teams":    of(func(c *ent.Client) *ent.ProjectTeamClient { return c.ProjectTeam }),
		"projects":         of(func(c *ent.Client) *ent.ProjectClient { return c.Project }),
		"provider_grants":  of(func(c *ent.Client) *ent.ProviderGrantClient { return c.ProviderGrant }),
		"recovery_codes":   of(func(c *ent.Client) *ent.RecoveryCodeClient { return c.RecoveryCode }),
		"saved_filters":    of(func(c *ent.Client) *ent.SavedFilterClient { return c.SavedFilter }),
		"settings":         of(func(c *ent.Client) *ent.SettingClient { return c.Setting }),
		"states":           of(func(c *ent.Client) *ent.StateClient { return c.State }),
		"task_labels":      of(func(c *ent.Client) *ent.TaskLabelClient { return c.TaskLabel }),
		"task_relations":   of(func(c *ent.Client) *ent.TaskRelationClient { return c.TaskRelation }),
		"tasks":            of(func(c *ent.Client) *ent.TaskClient { return c.Task }),
		"team_members":     of(func(c *ent.Client) *ent.TeamMemberClient { return c.TeamMember }),
		"teams":            of(func(c *ent.Client) *ent.TeamClient { return c.Team }),
		"users":            of(func(c *ent.Client) *ent.UserClient { return c.User }),
	}
}
