"""The words by which companies name the columns of their own tables, and the words in them.

Belongs here: the words of each topic, and how well a header names a topic.
Does not belong here: values (`columns`), which topics make which canonical schema (`own_tables`).
"""

import re
from typing import Literal

Topic = Literal[
    "person",
    "giver",
    "first_name",
    "name",
    "email",
    "login",
    "unit",
    "role",
    "manager",
    "status",
    "day",
    "start",
    "end",
    "planned_day",
    "record_day",
    "hours",
    "minutes",
    "score",
    "number",
    "skill",
    "course",
    "project",
    "task",
    "record",
    "kind",
    "mentor",
]

# English first, then German, French, Spanish, Italian, Dutch, Portuguese. A phrase of several words is one name.
_PHRASE_LIST_BY_TOPIC: dict[Topic, str] = {
    "person": "employee number, employee no, employee id, employee, person, person id, personnel number, staff, staff "
    "id, staff number, worker, worker id, user, user id, userid, member, who, assignee, participant, learner, student, "
    "attendee, recipient, receiver, consultant, owner, mitarbeiter, mitarbeiternummer, mitarbeiter nr, "
    "personalnummer, personal nr, pers nr, wer, teilnehmer, employé, salarié, matricule, qui, empleado, empleada, "
    "persona, número de empleado, quién, dipendente, matricola, chi, medewerker, personeelsnummer, wie, colaborador, "
    "funcionário, funcionario, quem",
    "giver": "given by, by, from person, from employee, reviewer, rater, assessor, evaluator, author, approver, "
    "approved by, endorsed by, giver, issuer, issued by, feedback from, bewertet von, gegeben von, geber, évaluateur, "
    "evaluador, valutatore, beoordelaar, avaliador",
    "mentor": "mentor, trainer, teacher, instructor, coach, facilitator, speaker, host, ausbilder, dozent, formateur, "
    "formador, formatore, docente",
    "first_name": "first name, given name, vorname, prénom, nombre de pila, nome proprio, voornaam",
    "name": "name, full name, display name, employee name, last name, surname, family name, nachname, nom, nombre, "
    "apellido, apellidos, cognome, naam, achternaam, nome",
    "email": "email, e mail, mail, work email, email address, e mail address, correo, courriel, adresse mail",
    "login": "login, username, user name, account, account id, account code, account name, handle, alias, benutzer, "
    "benutzername, konto, kennung, identifiant, usuario, utente, gebruiker",
    "unit": "unit, department, dept, team, division, business unit, org unit, cost center, cost centre, abteilung, "
    "bereich, département, service, equipo, departamento, reparto, afdeling, equipe",
    "role": "role, job, job title, title, position, function, grade name, rolle, stelle, beruf, funktion, poste, "
    "puesto, cargo, ruolo, mansione, functie, função",
    "manager": "manager, supervisor, reports to, line manager, boss, lead, team lead, vorgesetzter, vorgesetzte, "
    "führungskraft, responsable, jefe, responsabile, leidinggevende, gestor",
    "status": "status, state, outcome, result, completion status, ergebnis, stand, statut, estado, stato",
    "day": "date, day, when, on, worked on, held on, given on, completed on, issued on, finished on, attended on, "
    "stated on, date worked, work date, completed, completion date, occurred, occurred on, performed on, logged on, "
    "entry date, session date, datum, tag, wann, am, erledigt am, jour, quand, le, fecha, día, cuándo, giorno, quando, "
    "dag, wanneer, dia",
    "start": "start, start date, started, started on, from, from date, begin, begins, since, valid from, hire date, "
    "hired, hired on, joined, joined on, entry, eintritt, eintrittsdatum, beginn, von, ab, seit, début, depuis, "
    "inicio, desde, inizio, dal, begin datum, sinds, início",
    "end": "end, end date, ended, ended on, to, to date, leave date, left, left on, exit, termination date, "
    "austritt, austrittsdatum, ende, bis, fin, jusqu, hasta, fine, al, einde, tot, fim, até",
    "planned_day": "until, due, due date, deadline, target date, expires, expires on, expiry, expiry date, "
    "valid until, valid to, next, review date, planned, fällig, frist, gültig bis, ablauf, échéance, vencimiento, "
    "scadenza",
    "record_day": "created, created at, created on, updated, updated at, modified, changed, last changed, "
    "last modified, approved, approved on, invoiced, entered, submitted, enrolled, erstellt, geändert, gebucht am, "
    "saisi le, creado, creato, aangemaakt, criado",
    "hours": "hours, hour, hrs, hr, h, time, time spent, duration, effort, worked hours, hours worked, stunden, "
    "stunde, std, zeit, dauer, aufwand, heures, heure, durée, temps, horas, hora, duración, tiempo, ore, ora, durata, "
    "tempo, uren, uur, duur, tijd, duração",
    "minutes": "minutes, minute, mins, min, minuten, minutos, minuti, minuten",
    "score": "score, rating, grade, points, mark, marks, result score, percent, percentage, stars, bewertung, note, "
    "punkte, punktzahl, prozent, niveau, level, stufe, proficiency, score percent, évaluation, puntuación, nota, "
    "calificación, punteggio, voto, cijfer, pontuação",
    "number": "id, no, nr, number, count, year, month, week, quarter, version, age, priority, rank, fte, amount, "
    "budget, anzahl, jahr, monat, woche, quartal, kw",
    "skill": "skill, skills, micro skill, microskill, competency, competence, competencies, capability, technology, "
    "technologies, topic, topics, subject, area, tag, tags, label, labels, expertise, know how, thema, themen, "
    "fähigkeit, fähigkeiten, kompetenz, kompetenzen, kenntnis, was, what, learned, learnt, compétence, compétences, "
    "sujet, quoi, habilidad, habilidades, competencia, tema, qué, competenza, abilità, argomento, cosa, vaardigheid, "
    "onderwerp, wat, habilidade, competência, activity, tätigkeit, activité, actividad, attività, activiteit",
    "course": "course, course name, course title, training, training name, module, lesson, class, workshop, seminar, "
    "learning item, programme, program, kurs, kursname, schulung, lehrgang, cours, formation, curso, formación, corso, "
    "formazione, cursus, opleiding, formação",
    "project": "project, project name, project code, project id, client, customer, engagement, account name, "
    "programme code, job code, repo, repository, projekt, kunde, projet, client name, proyecto, cliente, progetto, "
    "project nr, projeto",
    "task": "task, task name, issue, ticket, work item, item, story, assignment, work package, aufgabe, vorgang, "
    "arbeitspaket, tâche, tarea, compito, taak, tarefa",
    "record": "id, no, nr, number, key, record id, entry id, row id, reference, ref, uuid, guid, lfd nr, nummer, "
    "numéro, número, numero",
    "kind": "kind, type, category, feedback type, feedback kind, relation, relationship, source, art, typ, kategorie, "
    "type de, tipo, soort",
}

# What a table is about, by the words of its path and of its headers.
Subject = Literal["wish", "feedback", "certificate", "teaching", "learning", "role", "work", "skill"]
_WORD_LIST_BY_SUBJECT: dict[Subject, str] = {
    "wish": "wish wishes aspiration aspirations interest interests goal goals ambition ambitions want wants wunsch "
    "wünsche ziele interessen souhaits deseos intereses desideri wensen",
    "certificate": "certificate certificates certification certifications badge badges zertifikat zertifikate "
    "certificat certificats certificado certificados certificato certificati",
    "teaching": "mentor mentoring mentors teaching taught trainer trainers coaching tutoring lehre unterricht mentorat "
    "enseignement enseñanza insegnamento",
    "feedback": "feedback feedbacks review reviews rating ratings assessment assessments evaluation evaluations "
    "appraisal appraisals endorsement endorsements beurteilung beurteilungen bewertung bewertungen évaluation "
    "évaluations evaluación valutazioni beoordeling",
    "learning": "course courses training trainings learning lms completion completions attendance workshop workshops "
    "seminar seminars kurse kurs schulung schulungen weiterbildung formation formations curso cursos formación corso "
    "corsi formazione opleiding",
    "role": "role roles position positions job jobs assignment history promotion promotions transfer transfers rollen "
    "stellen positionen postes puestos ruoli",
    "work": "commits hours time timesheet timesheets worklog worklogs work effort booking bookings stunden zeiten "
    "zeiterfassung heures temps horas ore uren projects project projekte",
    "skill": "skill skills competency competencies matrix kompetenzen fähigkeiten compétences competencias competenze",
}

_FORMER_WORDS = {"from", "old", "previous", "former", "alt", "bisher", "bisherige", "ancien", "anterior", "precedente"}

# The words of a column of categories, by the canonical word that each stands for.
FEEDBACK_KIND_WORDS = {
    "certificate": "certificate, certification, certified, badge, zertifikat",
    "assessment": "assessment, test, exam, examination, quiz, assessor, prüfung",
    "manager": "manager, supervisor, lead, team lead, line manager, boss, vorgesetzter, vorgesetzte, führungskraft",
    "peer": "peer, colleague, coworker, co-worker, 360, endorsement, kollege, kollegin, customer, client",
    "self": "self, self-assessment, self assessment, own, selbst, selbsteinschätzung",
}
LEARNING_VERB_WORDS = {
    "completed": "completed, complete, finished, done, abgeschlossen, terminé, completado, completato, voltooid",
    "passed": "passed, pass, successful, bestanden, réussi, aprobado, superato, geslaagd",
    "failed": "failed, fail, not passed, unsuccessful, nicht bestanden, échoué, suspenso",
    "started": "started, in progress, in-progress, ongoing, begonnen, laufend, en cours, en curso, in corso, bezig",
    "enrolled": "enrolled, registered, assigned, booked, planned, invited, angemeldet, inscrit, inscrito, iscritto",
    "attended": "attended, present, participated, attendance, teilgenommen, présent, asistió",
    "waived": "waived, exempt, exempted, equivalent",
}


def header_words(header: str) -> tuple[str, ...]:
    """Return the words of a header, split at capitals and signs, in lower case; # is the word number."""
    spaced_header = re.sub(r"(?<=[^\W\d_])(?=#)|(?<=[a-zß-ÿ0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", header)
    return tuple(re.findall(r"[^\W_]+", spaced_header.replace("#", " number ").casefold()))


def names_former_state(header: str) -> bool:
    """Whether a header speaks of what was before, such as the role that a person left."""
    return bool(_FORMER_WORDS & set(header_words(header)))


def names_a_topic(header: str) -> bool:
    """Whether a header names any topic."""
    return any(topic_fit(header, topic) for topic in _PHRASES_BY_TOPIC)


def topic_fit(header: str, topic: Topic) -> int:
    """Return how well a header names a topic: 2 if it is a name of it, 1 if it holds one, 0 if not."""
    words_of_header = header_words(header)
    if words_of_header in _PHRASES_BY_TOPIC[topic]:
        return 2
    return int(any(_contains_phrase(words_of_header, phrase) for phrase in _PHRASES_BY_TOPIC[topic]))


def find_subjects(table_words: set[str]) -> set[Subject]:
    """Return what a table is about, by the words of its path and its headers."""
    return {subject for subject, subject_words in _WORDS_BY_SUBJECT.items() if subject_words & table_words}


def build_meaning_by_word(word_list_by_meaning: dict[str, str]) -> dict[str, str]:
    """Return the canonical word that each word of a declaration such as `FEEDBACK_KIND_WORDS` stands for."""
    return {
        word: canonical_word
        for canonical_word, word_list in word_list_by_meaning.items()
        for word in word_list.split(", ")
    }


def _contains_phrase(words_of_header: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Whether the words hold the phrase; a short word such as `on` or `id` counts at the end alone."""
    if len(phrase) == 1 and len(phrase[0]) <= 2:
        return words_of_header[-1:] == phrase
    return any(
        words_of_header[start_index : start_index + len(phrase)] == phrase
        for start_index in range(len(words_of_header) - len(phrase) + 1)
    )


_PHRASES_BY_TOPIC: dict[Topic, set[tuple[str, ...]]] = {
    topic: {header_words(phrase) for phrase in phrases.split(", ")} for topic, phrases in _PHRASE_LIST_BY_TOPIC.items()
}
_WORDS_BY_SUBJECT = {subject: set(words.casefold().split()) for subject, words in _WORD_LIST_BY_SUBJECT.items()}
