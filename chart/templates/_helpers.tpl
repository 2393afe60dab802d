{{- define "operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{/* What the names of all objects begin with; the longest thing put behind it has 21 characters. */}}
{{- define "operator.fullname" -}}
{{- $name := include "operator.name" . }}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) }}
{{- default $full .Values.fullnameOverride | trunc 40 | trimSuffix "-" }}
{{- end }}

{{- define "operator.manager" -}}
{{ include "operator.fullname" . }}-controller-manager
{{- end }}

{{- define "operator.metrics" -}}
{{ include "operator.fullname" . }}-metrics
{{- end }}

{{- define "operator.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "operator.manager" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "operator.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag }}{{ end }}
{{- end }}
{{- end }}

{{/* "true" where there is policy/v1. Not asked for by kind: without a server, helm knows of versions only. */}}
{{- define "operator.hasBudgets" -}}
{{- if semverCompare ">=1.21-0" .Capabilities.KubeVersion.Version }}true{{ end }}
{{- end }}

{{/* "true" where a PodDisruptionBudget can let go of pods that are not ready. */}}
{{- define "operator.evictsUnready" -}}
{{- if semverCompare ">=1.27-0" .Capabilities.KubeVersion.Version }}true{{ end }}
{{- end }}

{{/* What tells the operator's pods from all others; a Deployment's selector can never change. */}}
{{- define "operator.selector" -}}
app.kubernetes.io/name: {{ include "operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "operator.labels" -}}
{{ include "operator.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
