package live

// backups are the looks at the promises BK-*.
func backups() []Look {
	return []Look{{"BK-3", rollingBackup}, {"BK-4", pointInTime}, {"BK-5", completeBackups}, {"BK-6", oldBackupsArchived}, {"BK-9", backupsWatched}}
}
