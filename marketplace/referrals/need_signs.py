"""By which words people say that they look for something, do not, have it already, or offer it. Four languages.

The patterns are read against folded text: lower case, no accents, straight apostrophes.
"""
import re
from collections.abc import Mapping

from marketplace.bounties.words import words_of


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


# What is looked for stands after these.
WANTS: Mapping[str, re.Pattern[str]] = {
    "en": _any(
        r"\blooking (?:for|into|at|to (?:buy|get|find|hire|rent|book|switch|sell|move to|replace|purchase|learn|adopt|build|have))\b",
        r"\bin the market for\b", r"\b(?:searching|shopping|hunting|on the hunt|in search|in need) (?:for|of)\b", r"\biso\b:?", r"\bwtb\b:?",
        r"\bwanted:", r"\bneeds? (?!to know|more (?:people|data))", r"\bi want\b(?: to)?", r"\bwe want\b(?: to)?", r"\bwants? to\b",
        r"\bwould (?:really )?(?:like|love|prefer)\b(?: to)?", r"\b(?:i|we|they|she|he)'d (?:really )?(?:like|love|prefer)\b(?: to)?",
        r"\btrying to (?:find|hire|buy|get)\b", r"\b(?:i|we) (?:have|still have) to (?:find|choose|buy|get|hire|replace)\b",
        r"\bmust (?:find|get|buy)\b", r"\b(?:thinking|dreaming) (?:about|of)\b", r"\bthinking (?=[a-z])", r"\bconsidering\b", r"\bplanning (?:on|a|to|our|my)\b",
        r"\bgetting quotes (?:for|to|on)\b", r"\bevaluating\b", r"\bto replace (?:it|them) with\b", r"\b(?:we|i) finally want\b",
        r"\btime (?:to get|for (?:a|some|new))\b", r"\bwant something\b", r"\btouring\b", r"\bhiring\b(?= drivers)", r"\bready to get\b", r"(?=\b(?:car|house|truck|bike|van|home) (?:shopping|hunting)\b)", r"\bsupposed to (?:find|get|see)\b", r"\b(?:i|we) (?:just |really |now )?(?:want|wanna|gotta|have to|had better)\b", r"\b(?:we|i)'re (?:convinced|ready)\b", r"\bhelp me (?:find|choose|pick)\b", r"\bhas one wish\b", r"\b(?:should|must) (?:finally )?(?:get|buy|find|hire|book)\b", r"\bget (?:me|us) (?:a|an|some)\b", r"\bi (?:could|can) use (?:a|an|some)\b", r"\bdesperate for\b", r"\bready for (?:a|an)\b", r"\bpopping the question\b|\bpop the question\b", r"\bi'd be (?:happy|glad) (?:to|for)\b", r"\bhoping (?:to|for)\b", r"\bhope to\b", r"\bmust\b(?= (?:be|get))", r"\bfinally (?:want|getting|doing|going)\b", r"\bupgrade\b",
        r"\bgoing to (?:propose|need)\b", r"\bwant to (?:switch|move|replace)\b", r"\bbuy (?:a|an|some)\b(?=.*\?)"),
    "de": _any(
        r"\b(?:ich |wir )?(?:suche|suchen|sucht)\b(?: (?:ich|wir))?", r"\bauf der suche nach\b", r"\bbrauch(?:e|en|t)\b(?: (?:ich|wir))?",
        r"\bbenotig(?:e|en|t)\b", r"\b(?:mochte|mochten|will|wollen|wurde gern|wurden gern)\b", r"\bgesucht\b", r"\buberleg(?:e|en)\b",
        r"\bdenke[n]? (?:uber|daran)\b", r"\bplan(?:e|en|t)\b", r"\bziehen? (?:am|im|von|nach)\b", r"\bsoll(?:en)? (?:jetzt )?(?:eine?n?)\b",
        r"\bmuss(?:en)? (?:wir|ich)\b", r"\bmuss eine?n? neue", r"\bwunsch(?:e|en)\b", r"\bfehlt\b", r"\bhatte[n]? gern", r"\bbraucht?en\b", r"\bwollen (?:wir|ich)\b", r"\bdenken? (?:wir |ich )?(?:gleich |jetzt |gerade )?(?:uber|an)\b", r"\bsoll(?:en)?\b", r"\bmuss(?:en)?\b", r"\bnachdenken\b", r"\binteressiere[n]? (?:mich|uns)\b", r"\bwurden? gern", r"\bich hatte gern"),
    "es": _any(
        r"\b(?:busco|buscamos|busca|buscando|ando buscando|estoy buscando|estamos buscando|se busca)\b", r"\bnecesit(?:o|amos|a)\b",
        r"\bnos hace falta\b|\bme hace falta\b", r"\b(?:quiero|queremos|quiere|quisiera|me gustaria|nos gustaria|querria)\b",
        r"\b(?:estoy|estamos) (?:pensando|mirando|planeando|preparando|organizando)\b(?: en)?", r"\btengo que\b", r"\btenemos que\b",
        r"\bme doy de alta\b", r"\bquiere(?:n)? \w+", r"\bqueria(?:mos)?\b", r"\bme (?:interesa|vendria bien|piden)\b", r"\bnos (?:interesa|vendria bien)\b", r"\bhay que\b", r"\btoca (?:cambiar|comprar|buscar)\b", r"\ben busca de\b", r"\bpara (?:mi|nuestra|nuestro) \w+ .*\?"),
    "fr": _any(
        r"\b(?:je |on |nous )?(?:cherche|cherchons|recherche|recherchons)\b", r"\bil (?:me|nous) faut\b", r"\b(?:j'ai|nous avons|on a) besoin (?:de|d')",
        r"\b(?:je voudrais|on voudrait|nous voudrions|j'aimerais|on aimerait|nous aimerions|je souhaite|nous souhaitons|on souhaite|je veux|on veut|nous voulons)\b",
        r"\b(?:je dois|on doit|nous devons)\b", r"\ba la recherche d", r"\b(?:on pense|je pense|nous pensons) (?:a|acheter|faire)\b",
        r"\bon n'a toujours pas (?:de|d')\b", r"\bprojet de\b", r"\benvisage", r"\bje (?:pense|songe|compte)\b", r"\bon (?:pense|songe|compte|aimerait|a envie)\b", r"\bj'ai envie\b", r"\ben quete d", r"\bje rêve d|\bje reve d", r"\bnous (?:pensons|aimerions|avons envie|comptons)\b", r"\bil (?:me|nous) (?:faudrait|faut)\b"),
}

# The whole sentence asks; what is looked for may stand before or after.
ASKS: Mapping[str, re.Pattern[str]] = {
    "en": _any(
        r"\b(?:can|could|does|do|would) (?:any|some)(?:one|body)\b.{0,40}?\b(?:know|recommend|suggest|have|point|help)",
        r"\bany ?(?:one|body)\b.{0,30}\b(?:know|recommend|suggest|have a|hiring|used)", r"\bany (?:other )?(?:recommendations?|recs|suggestions?|tips|advice|ideas|leads|good|chance|pool|prenatal|food)\b",
        r"\brecommend(?:ations?|ed)?\b", r"\brecs\b", r"\bsuggestions?\b", r"\bwho (?:would|do|does|did|should) (?:you|your|yours|i|we)\b", r"\bwho did\b", r"\bwho's (?:good|your|great|the best)\b",
        r"\bwho (?:is|was) (?:good|great|your|a good|the best)\b", r"\bwho (?:does|makes|builds|bakes|sells|rents|cleans|teaches|organi[sz]es|installed|fixes|repairs|has had|worked|plans|prints|tunes|walks)\b",
        r"\bwhat (?:[\w'-]+ ){0,5}(?:do|would|did|are|is) (?:you|people|other|others|everyone|restaurant)\b", r"\bwhat would you\b", r"\bwhich (?:[\w'-]+ ){0,5}(?:would|do|did|should|can|are|ones?|worked|get)\b",
        r"\bwhere (?:do|can|would|should|could|did) (?:i|you|we|one)\b", r"\bwhere to (?:buy|get|find)\b", r"\bhow do (?:you|i|we) (?:find|get|choose)\b", r"\bsend me (?:your|names)\b",
        r"\bis there (?:some|any)(?:one|body|where)?\b", r"\bare there\b.*\?", r"\b(?:names|name) of\b", r"\bhas to go\b|\bfinally has to go\b", r"\bmust be (?:re)?\w+", r"\bhas given up\b",
        r"\bwho are you using\b", r"\bknow (?:a|an|of a|of an|any) (?:good|honest|great|reliable|decent)\b", r"\bplease (?:recommend|suggest)\b", r"\btaking new customers\b", r"\bwould love (?:names|an introduction)\b",
        r"\bwhere do we (?:even )?start\b", r"\btell me (?:what|who|where|your)\b", r"\bwho can (?:i|we)\b", r"\bgrateful for\b", r"\bnames and\b", r"\bgood experience with\b", r"\bideas\?", r"\bwhat works\b", r"\b(?:any|some)(?:one|body)\?", r"\bwhose (?:family|dentist|mechanic)\b", r"\bwho(?:'s| is| has) (?:got|taking|the best|reliable|hiring)\b", r"\blet me know\b", r"\bpoint me\b", r"\bthoughts\?", r"\bhow did you (?:find|pick|choose)\b", r"\bwho fixed\b", r"\bhelp!|\bhelp\?", r"\bwho (?:to|should i|would i) call\b", r"\badvice\b$"),
    "de": _any(
        r"\bwer (?:kennt|weiss|hat|kann|macht|nimmt|baut|verkauft|repariert|hilft|konnte)\b", r"\bkennt (?:jemand|ihr|einer|wer)\b", r"\bkann (?:mir |uns )?(?:jemand|einer)\b", r"\bkonnt ihr\b",
        r"\b(?:welche[rsn]?|was fur)\b.{0,60}\?", r"\bempfehl", r"\btipps?\b", r"\berfahrungen\b", r"\bwo (?:kauft|finde|bekommt|bekomme|kriegt|mietet|kann|konnen|gibt|macht|geht)\b", r"\bwoher\b", r"\bwohin\b",
        r"\bgibt es\b.*\?", r"\bhabt ihr\b.*\?", r"\bvorschlage\b", r"\bhat (?:jemand|wer|einer)\b", r"\bwo (?:schaut|sucht|geht ihr|habt ihr)\b", r"\bwas (?:nehmt|nutzt|benutzt|habt) ihr\b", r"\bwer (?:plant|stellt|bietet|liefert|vermietet|kann|stimmt)\b", r"\bjemanden,? der\b", r"\bratschlage?\b"),
    "es": _any(
        r"\balguien (?:conoce|sabe|me recomienda|recomienda|las ha|ha)\b", r"\brecomend", r"\bconoc(?:eis|en|es)\b", r"\bsabeis\b|\bsaben de\b", r"\bdonde (?:puedo|compra|encuentro|hay|podria)", r"\bque (?:\w+ ){0,5}(?:usais|usan|utilizais|me recomend|aconsej)",
        r"\bcon quien\b", r"\ba quien\b", r"\balgun[ao]?s? (?:\w+ ){0,4}(?:de confianza|buen|en|que|fisio|concesionario|recomendacion)", r"\bsugerencias?\b", r"\bdonde (?:miramos|miro|los|la|lo|se|comprais|comprasteis)\b", r"\bde confianza\b", r"\bpresupuestos?\b.*\?", r"\balguien (?:que|de|por)\b", r"\bquien (?:os|me|conoce|sabe|hace)\b", r"\bconsejos?\b", r"\bcual (?:\w+ ){0,4}recomend"),
    "fr": _any(
        r"\b(?:quelqu'un|qqn) (?:connait|connaitrait|a|aurait|peut|pourrait|sait)\b", r"\bquelqu'un a recommander\b", r"\bvous (?:connaissez|connaitriez|auriez|avez|utilisez|recommand|conseill)", r"\bconnaissez-vous\b|\bavez-vous\b", r"\brecommand", r"\bconseil(?:ler|lez)?\b",
        r"\bou (?:puis-je|trouver|acheter|est-ce)\b", r"\bbon plan\b|\bbons plans\b", r"\bou (?:l'|avez|achet|est-ce|puis)\b", r"\bqui (?:connait|aurait|a |peut|fait)\b", r"\bquelqu'un\b.*\?", r"\bavez.vous\b", r"\bdes (?:idees|bonnes adresses|noms|recommandations|conseils)\b", r"\ba qui\b", r"\bquel(?:le)?s? (?:\w+ ){0,5}\?", r"\bbonnes adresses\b", r"\bje suis preneur|\bje prends\b"),
}

# A question that begins so asks for a name, even without a question mark.
QUESTION_WORDS: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"(?:^|[,.;:(\-] ?|\bso |\band |\bnow |\bpoint, |\bbut )(?:who|where|which|what)(?:'s| has| can| do| does| should| would| could| works| sells| \w+)\b"),
    "de": _any(r"(?:^|[,.;:(\-] ?|\bund |\baber )(?:wer|wo|woher|welche[rsn]?)\b"),
    "es": _any(r"(?:^|[¿,.;:(\-] ?|\by )(?:quien|donde|que|cual)\b"),
    "fr": _any(r"(?:^|[,.;:(\-] ?|\bet )(?:qui|ou|quel|quelle)\b"),
}

# Questions that ask for something else than a name: how to, why, who else.
OTHER_QUESTIONS: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"^\W*(?:do you (?!have a|know|use|guys)|can you believe|is (?:there a law|anyone going)|how (?:do i (?!find|choose|get)|to |can i (?!find|get)|much|many|long|old|is|are|was|come)|why|did (?:you know|anyone)|is (?:it|this|that|he|she|your)|isn't|aren't|was |were |do you (?:remember|think|like|prefer)|remember)",
               r"\b(?:anyone|anybody|does anyone|someone) else\b", r"\banyone up for\b", r"\bam i (?:dreaming|the only)\b(?!.*\blooking\b)", r"\bask me anything\b", r"\bworth (?:it|anything)\b", r"\bnormal\?", r"\bguess (?:who|what)\b", r"\bwhat changed\b", r"\bknow (?:what time|when|whether|why|if)\b", r"\bwhat time\b", r"\blegal\b.*\?", r"^\W*(?:psa|pro tip|fun fact)\b", r"\bwho knew\b", r"\bis it yours\b"),
    "de": _any(r"^\W*(?:warum|wieso|wie (?:geht|kann ich|wechsel|viel|lange|alt)|ist (?:das|es)|wisst ihr noch|tipp fur alle|wer hatte gedacht|noch jemand)", r"\bgeht es (?:euch|noch jemand)\b"),
    "es": _any(r"^\W*(?:por que|como (?:se |puedo|hago)|es normal|os acordais|a alguien mas|quien iba a)", r"\bsoy (?:el|la) unic"),
    "fr": _any(r"^\W*(?:pourquoi|comment (?:faire|changer|puis)|est-ce normal|c'est normal|qui l'eut cru|vous vous souvenez)", r"\bje suis (?:le|la) seule?\b"),
}

# Said of a want, these turn it round; what is meant reaches to the next comma.
DENIES: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"\b(?:not|no longer|never|isn't|aren't|'m not|wasn't)\s+(?:\w+\s+){0,2}(?:looking|in the market|searching|shopping|buying|interested|considering|planning|going to buy|hiring)\b",
               r"\b(?:don't|do not|doesn't|does not|didn't|won't|never|will not)\s+(?:\w+\s+){0,2}(?:need|want|buy|care for|like)\b", r"\bdecided against\b", r"\bno longer (?:need|needs|want|wants|require)\b", r"\bno need (?:for|of)\b", r"\bneed no\b", r"\bwant no\b", r"\bwithout needing\b", r"\bnot in the market\b"),
    "de": _any(r"\b(?:suche|suchen|sucht|brauche|brauchen|will|wollen|mochte|mochten)\b[^,.;]{0,30}\bkeine?n?\b", r"\b(?:brauche|brauchen|suche|suchen|will|wollen)\b[^,.;]{0,20}\bnicht\b", r"\bkeine?n? (?:bedarf|interesse)\b", r"\bnicht mehr auf der suche\b"),
    "es": _any(r"\bno (?:me |nos |te |lo |la )?(?:busco|buscamos|quiero|queremos|necesito|necesitamos|hace falta)\b", r"\bya no (?:busco|buscamos|necesito|quiero)\b", r"\bsin (?:buscar|necesitar)\b"),
    "fr": _any(r"\b(?:ne |n')(?:cherche|cherchons|recherche|veux|veut|voulons|souhaite|souhaitons)\b[^,.;]{0,15}\b(?:pas|plus|rien|aucun)", r"\b(?:je|on|nous) n'(?:ai|a|avons) (?:pas|plus|aucun) besoin\b"),
}

# It has been settled, says a note on the post itself.
SETTLED: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"\b(?:edit|update|solved|eta)\b\s*\d?\s*[:\-!].{0,80}\b(?:found|hired|sorted|solved|got|bought|no longer|went with|booked|done|all set|covered|thanks)\b", r"\bno longer looking\b", r"\ball sorted\b", r"^\s*(?:solved|sorted|closed|found)\b\s*[:!\]]",
               r"\b(?:thanks|thank you) (?:all|everyone|everybody)\b.{0,60}\b(?:found|hired|sorted|booked|bought)\b", r"\bwe(?:'ve| have)? (?:decided against|gone with)\b", r"\bdecided against\b"),
    "de": _any(r"\b(?:edit|update|nachtrag|erledigt)\b\s*[:\-!].{0,80}\b(?:gefunden|erledigt|gekauft|danke|haben wir)\b", r"\bhat sich erledigt\b", r"^\W*erledigt\b", r"\bnicht mehr auf der suche\b"),
    "es": _any(r"\b(?:edito|edit|actualizacion|update)\b\s*[:\-!].{0,80}\b(?:encontr|solucionad|resuelt|gracias|ya (?:lo |la )?tengo|ya no)", r"^\W*(?:solucionado|resuelto)\b"),
    "fr": _any(r"\b(?:edit|maj|mise a jour|update)\b\s*[:\-!].{0,80}\b(?:trouve|resolu|merci|plus besoin|c'est bon)", r"^\W*(?:resolu|trouve)\b"),
}

# The writer has it to give.
OFFERS: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"\bfor sale\b", r"^\s*(?:fs|wts|f/s)\b\s*:", r"(?<!anyone )(?<!anybody )(?<!without )\bselling (?:my|our|this|a|an|two|some|the)\b", r"\b(?:or best offer|obo|asking \$|\$ ?[\d,]+ obo)\b", r"\bfor rent\b(?!al)(?!.*\blooking\b)", r"\bmessage me for\b|\bdm (?:me )?for (?:rates|prices|details)",
               r"\b(?:licensed|insured|family-owned|certified|award-winning)\b.*\b(?:serving|openings?|rates|call|years|company)\b", r"\bserving \w+ (?:\w+ )?since\b", r"\bhas your back\b", r"\bcall (?:us )?today\b", r"\bmention this post\b", r"\$ ?\d+ off\b", r"\b(?:i|we) (?:teach|offer|provide|specialize|specialise)\b",
               r"\bhave space for\b|\b(?:have|has) (?:two|three|some|a few)? ?openings\b", r"\bsend us your (?:cv|resume)\b", r"\bwe're hiring!|\bwe are hiring!", r"\bavailable for (?:hire|bookings)\b", r"\bbook (?:your|now)\b", r"\bmy (?:rates|services)\b", r"\bfree (?:estimates?|quotes?)\b.*\b(?:call|visit|contact)\b"),
    "de": _any(r"\bverkaufe\b(?! .*\bmakler\b)", r"\bzu verkaufen\b(?!.*makler)", r"\b(?:ich|wir) biete[n]?\b", r"^\W*biete\b", r"\bzu vermieten\b", r"\bvermiete\b", r"\bvb \d|\bvhb\b|\bselbstabholung\b", r"\bwir bieten\b", r"\bjetzt (?:buchen|anrufen)\b", r"\bkostenlose (?:beratung|probestunde)\b", r"\berste stunde kostenlos\b"),
    "es": _any(r"\bvendo\b|\bse vende\b|\ben venta\b", r"\bse alquila\b|\balquilo\b", r"\b(?:ofrezco|ofrecemos)\b", r"\babrimos\b", r"\bnuestras ofertas\b", r"\bllamanos\b|\bcontactanos\b", r"\bdoy clases\b|\bimparto\b"),
    "fr": _any(r"\ba vendre\b|\bje vends\b|\bvends\b", r"\ba louer\b", r"\b(?:je propose|nous proposons|j'offre|nous offrons)\b", r"\bcontactez-nous\b|\bappelez-nous\b", r"\bje donne des cours\b"),
}

# It is a dream, or somebody else's question.
UNREAL: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"\bif i (?:ever )?(?:won|win|had|were|was)\b", r"\blottery\b", r"\bsome ?day\b", r"\bin another life\b", r"\bmaybe in (?:ten|twenty|five|\d+) years\b", r"\bif (?:you|anyone|anybody)(?:'re| are| is)? (?:still )?(?:looking|need|want)", r"\bone can dream\b|\bdaydream",
               r"\b(?:but )?for my (?:eyes|soul|heart|brain|inbox|feelings|emotions|sanity|ego|dignity|mental)\b", r"\btime machine\b", r"\byou (?:need|want)\b(?! to know)", r"\bif only\b"),
    "de": _any(r"\bim lotto\b", r"\birgendwann\b", r"\bin einem anderen leben\b", r"\bwenn ich (?:mal )?(?:reich|millionar)", r"\bfalls (?:du|ihr|jemand)\b.*\bsuch", r"\bbezahlung: ein\b", r"\bmein leben\b.*\bregel", r"\bfur meine (?:seele|nerven)\b"),
    "es": _any(r"\bsi me toca(?:ra|se)?\b", r"\bloteria\b", r"\balgun dia\b", r"\ben otra vida\b", r"\bsi (?:buscas|buscais|necesitas)\b"),
    "fr": _any(r"\bsi je gagn", r"\bau loto\b", r"\bun jour peut-etre\b", r"\bdans une autre vie\b", r"\bsi (?:tu cherches|vous cherchez)\b"),
}

# They look for work, not for a worker.
SEEKS_WORK: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"\bopen to work\b", r"\b(?:looking for|seeking|find|need|want|land|my next|a new|for a|get) (?:[\w'-]+ ){0,4}(?:job|role|position|work|gig|employment|apprenticeship)\b(?! done)", r"\banybody hiring\b|\banyone hiring\b|\bwho is hiring\b|\bwho's hiring\b", r"\blaid off\b", r"\b(?:your|the) (?:team|company) (?:has an opening|is hiring|needs)\b", r"\b(?:dev|engineer|developer|nurse|driver|cook|sales) (?:job|role|position)s?\b", r"\bmy contract ends\b|\bcontract ends\b", r"\bnext (?:job|role|gig|position)\b", r"\bjob (?:hunt|search|hunting)\b", r"\bcareer change\b", r"\blearn a trade\b", r"\bcompanies (?:that are )?hiring\b"),
    "de": _any(r"\b(?:suche|suchen|brauche|finde|neue[nr]?|einen?) (?:\w+ ){0,4}(?:stelle|job|arbeit|arbeitsplatz|anstellung|ausbildungsplatz|lehrstelle|beschaftigung)\b", r"\bstelle\b.{0,30}\b(?:gesucht|suche)\b", r"\bjobsuche\b"),
    "es": _any(r"\b(?:busco|buscando|necesito|encontrar) (?:\w+ ){0,3}(?:trabajo|empleo|puesto)\b", r"\btrabajo de \w+"),
    "fr": _any(r"\b(?:cherche|recherche|trouver) (?:\w+ ){0,4}(?:emploi|travail|poste|boulot|job|stage|alternance)\b", r"\bvotre entreprise recrute\b"),
}

# Words around what is looked for that name no thing.
VAGUE = words_of("""
a an the some any good great decent honest reliable trustworthy local new used nice place places company companies
shop store dealer service somebody someone anybody anyone something anything person people who that recommendation
recommendations recs tips advice names name one ones help option options alternative way replacement small cheap
affordable our my your professional expert crew team contractor business provider to buy get find hire rent book have
for of with again same next first second two three both quick quickly also really still asap please einen eine ein
einer gute guten guter guter class classes lesson lessons course courses teacher instructor unterricht kurs kurse lehrer lehrerin clase clases curso academia profesor cours prof
professeur jemand jemanden firma anbieter laden zuverlassige zuverlassigen empfehlung empfehlungen
neue neuen neues was etwas ersatz einem guten handler betrieb hilfe uns mir zur zum noch un una uno algun alguna
alguien empresa sitio tienda buen buena bueno algo nuevo nueva otro otra recomendacion persona une des quelqu'un
entreprise bon bonne bons fiable serieux serieuse nouvelle nouveau petit petite adresse
""")

# Of these, the ones that stand for the thing itself: "looking for someone who".
STANDS_FOR_ALL = words_of("""
class classes lesson lessons course courses teacher instructor unterricht kurs kurse lehrer lehrerin clase clases curso academia profesor cours prof
professeur place places company companies shop store dealer service somebody someone anybody anyone something anything person
people recommendation recommendations recs tips advice names name one ones help option options alternative replacement
crew team contractor business provider agency jemand jemanden firma anbieter laden empfehlung empfehlungen was etwas
ersatz handler betrieb hilfe alguien algo empresa sitio tienda recomendacion persona agencia quelqu entreprise adresse
personne
""")

# In a sentence that wants nothing itself, a time counts only beside one of these.
BOUND = _any(r"\b(?:have|got|need|needs|must|by|before|until|till|within|deadline|latest|starting|soon)\b", r"\b(?:bis|vor|spatestens|ab|muss|mussen)\b",
             r"\b(?:antes|hasta|para|tengo|tenemos|cuanto)\b", r"\b(?:avant|d'ici|jusqu|faut|dois|partir)\b")

WHEN: Mapping[str, re.Pattern[str]] = {
    "en": _any(r"(?<=\bhave )(?:about |only )?(?:two|three|four|five|six|\d+) (?:days|weeks|months)\b", r"\b(?:as soon as possible|asap|urgently|today|tomorrow|tonight|this (?:week|weekend|month|spring|summer|fall|autumn|winter|year|quarter)|next (?:week|weekend|month|spring|summer|fall|autumn|winter|year|january|february|march|april|may|june|july|august|september|october|november|december))\b",
               r"\b(?:in|within|for) (?:about |the next )?(?:a|one|two|three|four|five|six|\d+)(?: or (?:two|three))? (?:days?|weeks?|months?)\b", r"\b(?:by|before|until|from|in|on|early|mid|late|end of|at the end of|after) (?:the )?(?:end of (?:the )?)?(?:early |mid |late )?(?:january|february|march|april|may|june|july|august|september|october|november|december|easter|christmas|new year|spring|summer|fall|autumn|winter|year)(?: \d{1,2})?\b", r"\bby the end of (?:the )?\w+\b"),
    "de": _any(r"\b(?:so schnell wie moglich|schnellstmoglich|asap|heute|morgen|diese woche|dieses jahr|nachste[nrs]? (?:woche|monat|jahr|sommer|fruhjahr|winter|herbst)|kommende[nrs]? \w+|im (?:januar|februar|marz|april|mai|juni|juli|august|september|oktober|november|dezember|fruhjahr|sommer|herbst|winter))\b", r"\b(?:bis|ab|vor|nach|am|mitte|ende|anfang) (?:zum |ende |mitte |anfang )?(?:\d{1,2}\. )?(?:januar|februar|marz|april|mai|juni|juli|august|september|oktober|november|dezember|weihnachten|ostern|sommer|winter|jahresende)\b", r"\bin (?:zwei|drei|vier|\d+) (?:tagen|wochen|monaten)\b"),
    "es": _any(r"\b(?:cuanto antes|urgente|hoy|manana|esta semana|este (?:mes|ano|verano|invierno)|el mes que viene|el (?:proximo|ano) \w+)\b", r"\b(?:en|antes de|antes del|para|hasta|desde) (?:el |finales de |principios de )?(?:enero|febrero|marzo|abril|mayo|junio|julio|agosto|septiembre|octubre|noviembre|diciembre|verano|invierno|otono|primavera|navidad|puente de mayo)\b", r"\ben (?:dos|tres|cuatro|\d+) (?:dias|semanas|meses)\b"),
    "fr": _any(r"\b(?:des que possible|au plus vite|urgent|aujourd'hui|demain|cette semaine|cette annee|cet (?:ete|hiver|automne)|le mois prochain|l'annee prochaine)\b", r"\b(?:en|avant|d'ici|pour|a partir de|fin|debut|mi|des) (?:le |l'|fin |debut )?(?:janvier|fevrier|mars|avril|mai|juin|juillet|aout|septembre|octobre|novembre|decembre|noel|paques|ete|hiver|automne|printemps)\b", r"\bdans (?:deux|trois|quatre|\d+) (?:jours|semaines|mois)\b"),
}

# What is said before a sum that one would spend, and before one that somebody must.
SPENDS = _any(r"\bbudget\b", r"\bspend\b", r"\bunder\b", r"\bup to\b", r"\bmax(?:imum|imal|imo|i)?\b", r"\bset aside\b", r"\bput (?:about |aside )?", r"\bafford\b", r"\bfor (?:about |around )?(?=[$€£]?\d)", r"\bcan do\b", r"\baround\b", r"\babout\b", r"\bwe have\b", r"\brealistically\b", r"\bless than\b", r"\bno more than\b", r"\bbuy for\b",
              r"\bbis\b", r"\bhochstens\b", r"\bca\b", r"\betwa\b", r"\bhasta\b", r"\bpresupuesto\b", r"\bunos\b", r"\bcomo mucho\b", r"\bjusqu'a\b", r"\benviron\b", r"\bmoins de\b", r"\bbe under\b", r"\ball we(?:'ve| have) got\b")
