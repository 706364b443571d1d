"""What a person has who used PyCharm before: its table of interpreters."""

SDK_TABLE = """\
<application>
  <component name="ProjectJdkTable">
    <!-- the one of the system -->
    <jdk version="2">
      <name value="Python 3.12" />
      <type value="Python SDK" />
      <version value="Python 3.12.1" />
      <homePath value="/usr/bin/python3.12" />
      <roots>
        <classPath>
          <root type="composite">
            <root url="file:///usr/lib/python3.12" type="simple" />
          </root>
        </classPath>
        <sourcePath>
          <root type="composite" />
        </sourcePath>
      </roots>
      <additional SDK_UUID="5eb19f9d-4972-44f8-952c-826af29facb9">
        <setting name="FLAVOR_ID" value="UnixPythonSdkFlavor" />
        <setting name="FLAVOR_DATA" value="{}" />
      </additional>
    </jdk>
    <jdk version="2"><name value="Gone" /><type value="Python SDK" /><homePath value="$USER_HOME$/x/bin/python" /></jdk>
    <jdk version="2">
      <name value="corretto-21" />
      <type value="JavaSDK" />
      <homePath value="/usr/lib/jvm/java-21" />
    </jdk>
  </component>
</application>"""
