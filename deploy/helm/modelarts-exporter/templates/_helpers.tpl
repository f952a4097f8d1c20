{{- define "modelarts-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "modelarts-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := default .Chart.Name .Values.nameOverride }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "modelarts-exporter.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{ include "modelarts-exporter.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "modelarts-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "modelarts-exporter.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "modelarts-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "modelarts-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "modelarts-exporter.image" -}}
{{- $image := .Values.image.repository }}
{{- with .Values.image.registry }}{{ $image = printf "%s/%s" . $image }}{{ end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $image .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $image (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{/* Refuses values that could only make a pod that does not start, or leak a secret. */}}
{{- define "modelarts-exporter.validate" -}}
{{- $sources := 0 }}
{{- range list .Values.demo (not (empty .Values.config)) (not (empty .Values.existingConfig.name)) }}
{{- if . }}{{ $sources = add1 $sources }}{{ end }}
{{- end }}
{{- if eq (int $sources) 0 }}
{{- fail "nothing is configured: give the exporter's configuration as config, or one that is there already as existingConfig.name; or demo=true for a simulated cloud" }}
{{- else if gt (int $sources) 1 }}
{{- fail "give one of config, existingConfig.name and demo" }}
{{- end }}
{{- range $name, $cloud := .Values.config.clouds }}
{{- $secrets := list }}
{{- with $cloud.auth }}
{{- $secrets = list (list "auth.password.password" (dig "password" "password" "" .)) (list "auth.access_key.secret_key" (dig "access_key" "secret_key" "" .)) (list "auth.access_key.security_token" (dig "access_key" "security_token" "" .)) }}
{{- end }}
{{- range $secrets }}
{{- if and (last .) (not (regexMatch "^\\$\\{[^}]+\\}$" (last .))) }}
{{- fail (printf "config.clouds.%s.%s: a ConfigMap is no place for a secret: put it into credentials, or a Secret that existingCredentials names, and give its file's name as %s_file" $name (first .) (first .)) }}
{{- end }}
{{- end }}
{{- if regexMatch "://[^/]*@" (default "" $cloud.proxy_url) }}
{{- fail (printf "config.clouds.%s.proxy_url: a ConfigMap is no place for a password: write ${PROXY_URL}, and give that variable by extraEnv" $name) }}
{{- end }}
{{- end }}
{{- range $name, $_ := .Values.credentials }}
{{- if has $name (list "modelarts.yml" "web.yml") }}
{{- fail (printf "credentials.%s: that name is the chart's own" $name) }}
{{- end }}
{{- end }}
{{- if and .Values.web.config .Values.web.existingFile }}
{{- fail "give web.config or web.existingFile, not both" }}
{{- end }}
{{- if include "modelarts-exporter.isSharded" . }}
{{- if .Values.demo }}
{{- fail "shards: the demo has none; each would simulate a cloud of its own" }}
{{- end }}
{{- if .Values.probe.enabled }}
{{- fail "probe: a Probe cannot know in which of the shards its project is; use scrapeConfig, which finds them" }}
{{- end }}
{{- if ne .Values.service.type "ClusterIP" }}
{{- fail "service.type: with shards it must be ClusterIP; the Service is headless, since each shard has other projects" }}
{{- end }}
{{- end }}
{{- if and .Values.probe.enabled .Values.scrapeConfig.enabled }}
{{- fail "probe and scrapeConfig would each scrape all projects, and their jobs would be counted twice: enable one" }}
{{- end }}
{{- end }}

{{/* The folder /etc/modelarts-exporter: one volume, so that names of files are relative. */}}
{{- define "modelarts-exporter.hasFiles" -}}
{{- if or (not .Values.demo) .Values.web.config .Values.web.existingFile }}true{{ end }}
{{- end }}

{{- define "modelarts-exporter.filesVolume" -}}
name: files
projected:
  defaultMode: 0440
  sources:
    {{- if .Values.existingConfig.name }}
    - {{ eq .Values.existingConfig.kind "Secret" | ternary "secret" "configMap" }}:
        name: {{ .Values.existingConfig.name }}
        items:
          - key: {{ .Values.existingConfig.key }}
            path: modelarts.yml
    {{- else if not .Values.demo }}
    - configMap:
        name: {{ include "modelarts-exporter.fullname" . }}
    {{- end }}
    {{- if or .Values.credentials .Values.web.config }}
    - secret:
        name: {{ include "modelarts-exporter.fullname" . }}
    {{- end }}
    {{- range .Values.existingCredentials }}
    - secret:
        name: {{ . }}
    {{- end }}
    {{- with .Values.web.tlsSecret }}
    - secret:
        name: {{ . }}
        items:
          - key: tls.crt
            path: tls/tls.crt
          - key: tls.key
            path: tls/tls.key
    {{- end }}
{{- end }}

{{/* What the exporter's pod has in common with the one of helm test. */}}
{{- define "modelarts-exporter.podSettings" -}}
serviceAccountName: {{ include "modelarts-exporter.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- $hasFiles := include "modelarts-exporter.hasFiles" . }}
{{- if or $hasFiles .Values.extraVolumes }}
volumes:
  {{- if $hasFiles }}
  - {{ include "modelarts-exporter.filesVolume" . | nindent 4 | trim }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "modelarts-exporter.containerSettings" -}}
image: {{ include "modelarts-exporter.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml .Values.resources | nindent 2 }}
securityContext:
  {{- toYaml .Values.securityContext | nindent 2 }}
{{- $hasFiles := include "modelarts-exporter.hasFiles" . }}
{{- if or $hasFiles .Values.extraVolumeMounts }}
volumeMounts:
  {{- if $hasFiles }}
  - name: files
    mountPath: /etc/modelarts-exporter
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "modelarts-exporter.scheme" -}}
{{- $tls := or .Values.web.tlsSecret (hasKey .Values.web.config "tls_server_config") -}}
{{- default (ternary "https" "http" (not (empty $tls))) .Values.web.scheme }}
{{- end }}

{{/* Before each path of the exporter: empty, or a path without a slash at its end. */}}
{{- define "modelarts-exporter.prefix" -}}
{{- $path := default (get (urlParse .Values.web.externalUrl) "path") .Values.web.routePrefix -}}
{{- with trimAll "/" $path }}/{{ . }}{{ end }}
{{- end }}

{{- define "modelarts-exporter.isSharded" -}}
{{- if gt (int .Values.shards) 1 }}true{{ end }}
{{- end }}

{{/* A Service cannot become headless, so with shards it has another name. */}}
{{- define "modelarts-exporter.serviceName" -}}
{{ include "modelarts-exporter.fullname" . }}{{ if include "modelarts-exporter.isSharded" . }}-headless{{ end }}
{{- end }}

{{- define "modelarts-exporter.address" -}}
{{ include "modelarts-exporter.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}

{{/* The address, or with shards the address of each: a headless Service maps no ports. */}}
{{- define "modelarts-exporter.addresses" -}}
{{- if include "modelarts-exporter.isSharded" . }}
{{- $addresses := list }}
{{- range $index := until (int .Values.shards) }}
{{- $addresses = append $addresses (printf "%s-%d.%s.%s.svc:10198" (include "modelarts-exporter.fullname" $) $index (include "modelarts-exporter.serviceName" $) $.Release.Namespace) }}
{{- end }}
{{- join " " $addresses }}
{{- else }}
{{- include "modelarts-exporter.address" . }}
{{- end }}
{{- end }}

{{/* The status page, which alerts name; with shards that of the pod that has the project. */}}
{{- define "modelarts-exporter.statusPage" -}}
{{- if .Values.web.externalUrl }}
{{- trimSuffix "/" .Values.web.externalUrl }}/
{{- else if include "modelarts-exporter.isSharded" . }}
{{- $ofInstance := trimSuffix "/" (fromJson (.Files.Get "files/rule-values.json")).statusPageUrl }}
{{- printf "%s.%s.%s.svc:10198%s/" $ofInstance (include "modelarts-exporter.serviceName" .) .Release.Namespace (include "modelarts-exporter.prefix" .) }}
{{- else }}
{{- printf "%s://%s%s/" (include "modelarts-exporter.scheme" .) (include "modelarts-exporter.address" .) (include "modelarts-exporter.prefix" .) }}
{{- end }}
{{- end }}

{{/* Metadata of an object for Prometheus or Grafana: context, its section of the values, a name. */}}
{{- define "modelarts-exporter.monitoringMetadata" -}}
{{- $context := index . 0 -}}
{{- $section := index . 1 -}}
name: {{ index . 2 }}
namespace: {{ default $context.Release.Namespace $section.namespace }}
labels:
  {{- include "modelarts-exporter.labels" $context | nindent 2 }}
  {{- with $section.additionalLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* How Prometheus proves itself to the exporter. */}}
{{- define "modelarts-exporter.client" -}}
{{- with .Values.scrape.basicAuth }}
basicAuth:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.scrape.tlsConfig }}
tlsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* A duration such as 2d in seconds: PromQL compares numbers. */}}
{{- define "modelarts-exporter.seconds" -}}
{{- $units := dict "s" 1 "m" 60 "h" 3600 "d" 86400 "w" 604800 }}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "[a-z]$" .)) }}
{{- end }}
