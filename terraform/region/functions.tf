# The functions: what each may do, in one table. A function's role, log group and alarms come of its line; template.yaml
# gives it code. Secrets are read by those that name them here and by nobody else.
#
# - database_user: whom it signs in to the database as, one for each trust; its role lets it connect as that one and no
#   other. Null where it doesn't. shared/runtime/src/secrets.rs says the same, and a test compares them.
# - secrets: which it reads, without `{environment}/`.
# - table: what it asks of the table of what expires.
# - objects: what it asks of buckets: an action, a bucket, and the keys; no keys where the action is the bucket's.
# - invokes: whom it calls.
# - sockets: whether it sends to the WebSocket API's sockets, and closes them.
# - tries: whose new versions it calls for CodeDeploy, and tells CodeDeploy of.
# - events: whether events reach it that nobody waits for, so that those that fail go to the queue of dead letters.

locals {
  functions = {
    alerts = {
      database_user = "berthcare_app"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = []
      objects       = []
      invokes       = ["jobs", "realtime", "urgent"]
      events        = false
    }
    auth = {
      database_user = "berthcare_auth"
      secrets       = ["jwt-public-keys", "jwt-signing-key", "origin", "second-factor-key", "sentry"]
      table         = ["DeleteItem", "GetItem", "PutItem", "UpdateItem"]
      objects       = []
      invokes       = ["jobs", "realtime"]
      events        = false
    }
    clients = {
      database_user = "berthcare_app"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = []
      objects       = []
      invokes       = ["realtime"]
      events        = false
    }
    # The code of privacy once more.
    exports = {
      database_user = "berthcare_privacy"
      secrets       = ["sentry"]
      table         = []
      objects = [
        { action = "s3:PutObject", bucket = "exports", keys = "/*" },
        { action = "s3:AbortMultipartUpload", bucket = "exports", keys = "/*" },
        # What nobody may fetch any more, for good.
        { action = "s3:DeleteObjectVersion", bucket = "exports", keys = "/*" },
        { action = "s3:GetObjectVersion", bucket = "photos", keys = "/*" },
        { action = "s3:GetObjectVersion", bucket = "documents", keys = "/*" },
      ]
      invokes = []
      events  = true
    }
    health = {
      database_user = "berthcare_health"
      secrets       = ["origin", "sentry"]
      table         = ["GetItem"]
      objects       = [{ action = "s3:ListBucket", bucket = "photos", keys = "" }]
      invokes       = []
      events        = false
    }
    jobs = {
      database_user = "berthcare_jobs"
      secrets       = ["sentry", "twilio/account", "twilio/phone-numbers", "twilio/webhooks"]
      table         = []
      objects = [
        # What orphaned-uploads removes, for good.
        { action = "s3:ListBucketVersions", bucket = "photos", keys = "" },
        { action = "s3:DeleteObjectVersion", bucket = "photos", keys = "/uploads/*" },
        # What retention removes, for good: of clients, where their records are as old as they are kept.
        { action = "s3:DeleteObjectVersion", bucket = "photos", keys = "/clients/*" },
        { action = "s3:DeleteObjectVersion", bucket = "photos", keys = "/visits/*" },
        { action = "s3:ListBucketVersions", bucket = "documents", keys = "" },
        { action = "s3:DeleteObjectVersion", bucket = "documents", keys = "/care-plans/*" },
        { action = "s3:PutObject", bucket = "anchors", keys = "/*" },
        { action = "s3:PutObjectRetention", bucket = "anchors", keys = "/*" },
        { action = "s3:GetObject", bucket = "anchors", keys = "/*" },
        { action = "s3:ListBucket", bucket = "anchors", keys = "" },
      ]
      invokes = ["realtime"]
      events  = true
    }
    migrate = {
      database_user = "berthcare_migrate"
      secrets       = ["sentry"]
      # The code of an agency's first admin, and who sends it.
      table   = ["PutItem"]
      objects = []
      invokes = ["jobs", "realtime"]
      events  = false
    }
    photos = {
      database_user = "berthcare_photos"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = []
      objects = [
        { action = "s3:GetObject", bucket = "photos", keys = "/uploads/*" },
        # Without it S3 answers 403 for an upload that has not arrived, where the function must know that nothing is
        # there.
        { action = "s3:ListBucket", bucket = "photos", keys = "" },
        # Uploads and downloads are signed with these rights, too; records name the version that is their own.
        { action = "s3:PutObject", bucket = "photos", keys = "/*" },
        { action = "s3:GetObjectVersion", bucket = "photos", keys = "/*" },
        # An upload once it was cleaned, and a copy that came too late: for good.
        { action = "s3:DeleteObjectVersion", bucket = "photos", keys = "/*" },
        { action = "s3:PutObject", bucket = "documents", keys = "/*" },
        { action = "s3:GetObjectVersion", bucket = "documents", keys = "/*" },
        { action = "s3:DeleteObjectVersion", bucket = "documents", keys = "/*" },
      ]
      invokes = ["realtime"]
      events  = true
    }
    privacy = {
      database_user = "berthcare_privacy"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = []
      # Downloads are signed with this right.
      objects = [{ action = "s3:GetObjectVersion", bucket = "exports", keys = "/*" }]
      invokes = ["exports", "realtime"]
      events  = false
    }
    realtime = {
      database_user = "berthcare_app"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = ["DeleteItem", "GetItem", "PutItem", "Query", "UpdateItem"]
      objects       = []
      invokes       = ["realtime"]
      sockets       = true
      events        = true
    }
    rollout = {
      database_user = null
      secrets       = ["origin", "sentry"]
      table         = []
      objects       = []
      invokes       = []
      # Not `exports`, `jobs` and `migrate`, which it lets through unasked.
      tries  = ["alerts", "auth", "clients", "health", "photos", "privacy", "realtime", "sync", "visits", "webhooks"]
      events = false
    }
    sync = {
      database_user = "berthcare_app"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = []
      objects       = []
      invokes       = ["realtime", "urgent"]
      events        = false
    }
    # The code of jobs once more; an alert's path touches no bucket.
    urgent = {
      database_user = "berthcare_jobs"
      secrets       = ["sentry", "twilio/account", "twilio/phone-numbers", "twilio/webhooks"]
      table         = []
      objects       = []
      invokes       = ["realtime"]
      events        = true
    }
    visits = {
      database_user = "berthcare_app"
      secrets       = ["jwt-public-keys", "origin", "sentry"]
      table         = []
      objects       = []
      invokes       = ["realtime"]
      events        = false
    }
    webhooks = {
      database_user = "berthcare_webhooks"
      secrets       = ["origin", "sentry", "twilio/webhooks"]
      table         = ["UpdateItem"]
      objects       = []
      invokes       = ["realtime", "urgent"]
      events        = false
    }
  }

  database_users = toset([for function in local.functions : function.database_user if function.database_user != null])

  # By secret, the functions that read it.
  readers = {
    for secret in toset(flatten([for function in local.functions : function.secrets])) :
    secret => [for name, function in local.functions : name if contains(function.secrets, secret)]
  }
}
