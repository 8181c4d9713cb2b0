{{/* All names begin with this. */}}
{{- define "mm-rebuild.fullname" -}}
{{- default .Release.Name .Values.fullnameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "mm-rebuild.operator.name" -}}{{ include "mm-rebuild.fullname" . }}-operator{{- end -}}
{{- define "mm-rebuild.redis.name" -}}{{ include "mm-rebuild.fullname" . }}-redis{{- end -}}
{{- define "mm-rebuild.simulator.name" -}}{{ include "mm-rebuild.fullname" . }}-simulator{{- end -}}

{{- define "mm-rebuild.operator.serviceAccountName" -}}
{{- default (include "mm-rebuild.operator.name" .) .Values.operator.serviceAccount.name -}}
{{- end -}}

{{/* Labels of an object: (dict "root" $ "component" "operator"). Never on a pod template: the chart's version is in them, and an upgrade must not restart Redis. */}}
{{- define "mm-rebuild.labels" -}}
{{ include "mm-rebuild.selectorLabels" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* Labels of pods and of the selectors that find them; they never change. */}}
{{- define "mm-rebuild.selectorLabels" -}}
app.kubernetes.io/name: mm-rebuild
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end -}}

{{/* repository@digest, or repository:tag: (dict "image" … "default" tag). */}}
{{- define "mm-rebuild.imageReference" -}}
{{- if .image.digest -}}{{ .image.repository }}@{{ .image.digest }}
{{- else -}}{{ .image.repository }}:{{ .image.tag | default .default }}{{- end -}}
{{- end -}}

{{- define "mm-rebuild.image" -}}
{{- include "mm-rebuild.imageReference" (dict "image" .Values.image "default" .Chart.AppVersion) -}}
{{- end -}}

{{- define "mm-rebuild.simulator.image" -}}
{{- $own := .Values.simulator.image -}}
{{- if $own.repository -}}{{ include "mm-rebuild.imageReference" (dict "image" $own "default" .Chart.AppVersion) }}
{{- else -}}{{ include "mm-rebuild.image" . }}{{- end -}}
{{- end -}}

{{/* The simulator's files by name. */}}
{{- define "mm-rebuild.simulator.files" -}}
{{- with .Values.simulator.options }}
options.yaml: {{ toYaml . | quote }}
{{- end }}
{{- with .Values.simulator.scenario }}
scenario.yaml: {{ toYaml (dict "steps" .) | quote }}
{{- end }}
{{- end -}}

{{- define "mm-rebuild.redis.image" -}}
{{- include "mm-rebuild.imageReference" (dict "image" .Values.redis.image "default" "7") -}}
{{- end -}}

{{- define "mm-rebuild.redis.url" -}}
{{- if .Values.redis.enabled -}}redis://{{ include "mm-rebuild.redis.name" . }}.{{ .Release.Namespace }}.svc:6379/0
{{- else -}}{{ required "redis.external.url is needed when redis.enabled is false" .Values.redis.external.url }}{{- end -}}
{{- end -}}

{{- define "mm-rebuild.redis.username" -}}
{{- if .Values.redis.enabled -}}operator{{- else -}}{{ .Values.redis.external.username }}{{- end -}}
{{- end -}}

{{/* Secret and key of the operator's Redis password; empty when the external Redis wants none. */}}
{{- define "mm-rebuild.redis.secretName" -}}
{{- if .Values.redis.enabled -}}{{ default (include "mm-rebuild.redis.name" .) .Values.redis.auth.existingSecret }}
{{- else -}}{{ .Values.redis.external.existingSecret }}{{- end -}}
{{- end -}}
{{- define "mm-rebuild.redis.secretKey" -}}
{{- if .Values.redis.enabled -}}password{{- else -}}{{ .Values.redis.external.passwordKey }}{{- end -}}
{{- end -}}

{{- define "mm-rebuild.webhook.secretName" -}}
{{- default (printf "%s-webhook" (include "mm-rebuild.operator.name" .)) .Values.alertWebhook.existingSecret -}}
{{- end -}}

{{/* A value of a Secret that is there already, else a new random one: (dict "root" $ "secret" name "key" key "length" n). Base64. */}}
{{- define "mm-rebuild.keptSecret" -}}
{{- $old := lookup "v1" "Secret" .root.Release.Namespace .secret -}}
{{- if and $old (index ($old.data | default dict) .key) -}}{{ index $old.data .key }}
{{- else -}}{{ randAlphaNum (int .length) | b64enc }}{{- end -}}
{{- end -}}

{{/* What every container of this release may do: nothing beyond running. */}}
{{- define "mm-rebuild.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}
{{- define "mm-rebuild.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}
